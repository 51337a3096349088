"use strict";

const helpers = (() => {
  const COLUMNS = ["member", "field", "first", "second"];

  const DATA = {
    strings: ["", "setup.py", "docs/Index.txt", "2026-11-04", "2026-11-05", "gzip", "<img src=x>"],
    groups: [
      {
        about: "setuptools-sdist-time setuptools wrote the time tar-mtime time of a member",
        varying: ["member", "second"],
        rows: [
          [1, 0, 3, 4],
          [2, 0, 3, 3],
          [6, 0, 3, 4],
        ],
      },
      {
        about: "setuptools-sdist-time setuptools wrote the time gzip-header-mtime",
        varying: COLUMNS,
        rows: [[0, 5, 3, 0]],
      },
    ],
  };

  /** A group of as many rows as wanted, each of another member. */
  function many(count) {
    const strings = ["", ...Array.from({ length: count }, (_, at) => `django/module_${at}.py`)];
    const rows = Array.from({ length: count }, (_, at) => [at + 1, 0, 0, 0]);
    return { strings, groups: [{ about: "", varying: ["member"], rows }, DATA.groups[1]] };
  }

  function fixture() {
    const root = document.getElementById("qunit-fixture");
    root.replaceChildren(document.getElementById("page").content.cloneNode(true));
    return root;
  }

  function openPage(data) {
    const root = fixture();
    report.start(root, data);
    return root;
  }

  function next(target, event) {
    return new Promise((resolve) => {
      target.addEventListener(event, resolve, { once: true });
    });
  }

  /** Returns when the group is unfolded and what the page does then is done. */
  async function unfold(details) {
    const toggled = next(details, "toggle");
    details.open = true;
    await toggled;
  }

  return { DATA, fixture, many, openPage, unfold };
})();
