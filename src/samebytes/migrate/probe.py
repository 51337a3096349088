"""Asks setuptools what it knows of the project in the current folder.

Run by the project's own Python, of any version, with setuptools installed: it imports nothing of
ours. The answer is written as JSON to the file named by the first argument.
"""

import importlib
import json
import os
import sys

BUILDING = [
    *("bdist_wheel", "build", "build_clib", "build_ext", "build_py", "build_scripts"),
    *("dist_info", "egg_info", "install", "install_data", "install_egg_info", "install_lib"),
    *("install_scripts", "sdist"),
]


#: Packages whose commands are no change that the project made to its build.
KNOWN = ("distutils", "setuptools", "setuptools_scm", "wheel")


def distribution():
    """The project's Distribution, with all of its configuration read and nothing built."""
    import setuptools  # before distutils, which it replaces

    core = importlib.import_module("distutils.core")

    sys.path.insert(0, os.getcwd())
    if os.path.isfile("setup.py"):
        return core.run_setup("setup.py", ["sdist"], stop_after="config")
    sys.argv[:] = ["setup.py", "sdist"]
    core._setup_stop_after = "config"
    return setuptools.setup()


def plain(value):
    """The value as JSON can hold it."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (str, int, bool)) or value is None:
        return value
    try:
        return [plain(one) for one in value]
    except TypeError:
        return str(value)


def own_commands(dist):
    """Commands of a build that the project itself defines."""
    import setuptools

    found = {}
    for name in BUILDING:
        command = dist.cmdclass.get(name)
        module = getattr(command, "__module__", "")
        home = module.partition(".")[0]
        if command is None or home in KNOWN:
            continue
        if issubclass(command, setuptools.Command):
            found[name] = module + "." + command.__name__
    return found


def main():
    target = os.path.abspath(sys.argv[1])
    dist = distribution()
    if hasattr(dist, "set_defaults"):  # the discovery of packages, since setuptools 61
        dist.set_defaults()
    facts = {
        "packages": dist.packages or [],
        "package_dir": dist.package_dir or {},
        "py_modules": dist.py_modules or [],
        "package_data": dist.package_data or {},
        "scripts": dist.scripts or [],
        "data_files": dist.data_files or [],
        "extensions": [extension.name for extension in dist.ext_modules or []],
        "libraries": [library[0] for library in dist.libraries or []],
        "headers": dist.headers or [],
        "commands": own_commands(dist),
        "requires": getattr(dist, "install_requires", None) or [],
        "extras": getattr(dist, "extras_require", None) or {},
        "namespaces": getattr(dist, "namespace_packages", None) or [],
        "scm": plain(getattr(dist, "use_scm_version", None)),
        "tags": [
            value[1]
            for value in (dist.command_options.get("egg_info") or {}).values()
            if value[1] and value[1] not in ("0", "false", "False", "no")
        ],
    }
    with open(target, "w", encoding="utf-8") as file:
        json.dump(plain(facts), file)


main()
