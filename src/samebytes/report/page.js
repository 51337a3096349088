"use strict";

/**
 * What the page of a comparison does beyond what HTML does by itself: it filters the differences,
 * and makes their rows when a group is unfolded.
 *
 * data.strings: every text that the rows show
 * data.groups:  about (words that are true of all rows), varying (columns that rows show), rows
 *               (a place in data.strings for each of COLUMNS)
 */
const report = (() => {
  const COLUMNS = ["member", "field", "first", "second"];
  const SIGNS = { first: "−\u00a0", second: "+\u00a0" };
  const CHUNK = 200;
  const FEW = 50;
  const PAUSE = 120; // milliseconds

  const words = (query) => query.toLowerCase().split(/\s+/).filter(Boolean);
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  const formatted = (number) => number.toLocaleString("en");

  /** "12 of 6,910", or just the total if that is all of them. */
  function counted(shown, total) {
    return shown === total ? formatted(total) : `${formatted(shown)} of ${formatted(total)}`;
  }

  /** For each group its rows in which, or about which, every word of the query is true. */
  function matching(data, query) {
    const wanted = words(query).map((word) => ({
      word,
      places: data.strings.map((text) => text.toLowerCase().includes(word)),
    }));
    return data.groups.map(({ about, rows }) => {
      const text = about.toLowerCase();
      const rest = wanted.filter(({ word }) => !text.includes(word));
      return rest.length === 0
        ? rows
        : rows.filter((row) => rest.every(({ places }) => row.some((place) => places[place])));
    });
  }

  function element(name, className, text) {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
  }

  /** The parts of a row that are shown: what varies in its group, and no empty names. */
  function cells(data, varying, row) {
    return COLUMNS.map((column, at) => ({ column, text: data.strings[row[at]] })).filter(
      ({ column, text }) => varying.includes(column) && (text || column in SIGNS),
    );
  }

  const MAKE = {
    member: (text) => element("code", "", text),
    field: (text) => element("span", "field", text),
    first: (text) => value("old", SIGNS.first, text),
    second: (text) => value("new", SIGNS.second, text),
  };

  function value(className, sign, text) {
    const made = element("span", className, sign);
    made.append(text || element("i", "", "nothing"));
    return made;
  }

  function item(data, varying, row) {
    const made = document.createElement("li");
    made.append(...cells(data, varying, row).map(({ column, text }) => MAKE[column](text)));
    return made;
  }

  /** The rows of one group: made when it is unfolded, a chunk at a time. */
  function lazyRows(details, make, all) {
    const list = details.querySelector(".rows");
    const rest = details.querySelector(".rest");
    const more = element("button", "more", "");
    let rows = all;
    let stale = true;
    more.type = "button";
    more.hidden = true;
    details.append(more);

    function extend() {
      const made = list.children.length;
      list.append(...rows.slice(made, made + CHUNK).map(make));
      const left = rows.length - list.children.length;
      rest.hidden = more.hidden = left === 0;
      rest.textContent = `and ${formatted(left)} more`;
      more.textContent = `Show ${Math.min(left, CHUNK)}`;
      return list.children[made];
    }

    function paint() {
      if (!list || !stale || !details.open) {
        return;
      }
      stale = false;
      list.replaceChildren();
      extend();
    }

    more.addEventListener("click", () => {
      const first = extend();
      if (more.hidden) {
        first.tabIndex = -1; // the button that had the focus is gone
        first.focus();
      }
    });
    details.addEventListener("toggle", paint);

    return {
      details,
      total: all.length,
      show(found) {
        stale ||= found !== rows;
        rows = found;
        details.hidden = found.length === 0;
        count(details, found.length, all.length);
        paint();
      },
    };
  }

  function count(details, shown, total) {
    const place = details.querySelector(":scope > summary > .count");
    if (place) {
      place.textContent = counted(shown, total);
    }
  }

  /** Returns what applies a query to the page. */
  function filtering(root, data) {
    const folds = [...root.querySelectorAll("main details")];
    const groups = [...root.querySelectorAll("[data-group]")].map((details) => {
      const { varying, rows } = data.groups[details.dataset.group];
      return lazyRows(details, (row) => item(data, varying, row), rows);
    });
    const contents = [...root.querySelectorAll("[data-content]")];
    const branches = [...root.querySelectorAll("[data-branch]")].map((branch) => ({
      branch,
      name: branch.querySelector(":scope > summary .title")?.textContent.toLowerCase() ?? "",
      leaves: [...branch.querySelectorAll("[data-group], [data-content]")],
      inside: [...groups.keys()].filter((at) => branch.contains(groups[at].details)),
    }));
    const total = sum(groups.map((group) => group.total));
    let unfolded = [];

    return (query) => {
      const wanted = words(query);
      const found = matching(data, query).map((rows, at) => {
        groups[at].show(rows);
        return rows.length;
      });
      contents.forEach((content) => {
        const text = wanted.length === 0 ? "" : content.textContent.toLowerCase();
        content.hidden = !wanted.every((word) => text.includes(word));
      });
      branches.forEach(({ branch, name, leaves, inside }) => {
        branch.hidden =
          leaves.every((leaf) => leaf.hidden) && !wanted.every((word) => name.includes(word));
        const shown = sum(inside.map((at) => found[at]));
        count(branch, shown, sum(inside.map((at) => groups[at].total)));
      });
      const left = sum(found);
      unfolded.forEach((details) => (details.open = false));
      unfolded =
        wanted.length > 0 && left <= FEW
          ? folds.filter((details) => !details.open && !details.hidden)
          : [];
      unfolded.forEach((details) => (details.open = true));
      return `${counted(left, total)} ${total === 1 ? "difference" : "differences"}`;
    };
  }

  function wireFilter(root, data) {
    const input = root.querySelector("#filter");
    const output = root.querySelector("output");
    const filter = filtering(root, data);
    let timer;

    function apply() {
      clearTimeout(timer);
      output.textContent = filter(input.value);
    }

    function shortcut(event) {
      const { key, target, ctrlKey, altKey, metaKey } = event;
      if (target === input && key === "Escape") {
        input.value = "";
        apply();
      } else if (key === "/" && !ctrlKey && !altKey && !metaKey && !target.matches?.("input")) {
        event.preventDefault();
        input.focus();
        input.select();
      }
    }

    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(apply, PAUSE);
    });
    root.addEventListener("keydown", shortcut);
    input.closest("[hidden]")?.removeAttribute("hidden");
    apply();
  }

  function wireClicks(root) {
    root.querySelectorAll("[data-copy]").forEach((copy) => (copy.hidden = !navigator.clipboard));
    root.addEventListener("click", ({ target }) => {
      const copy = target.closest("[data-copy]");
      const link = target.closest("a[href^='#']");
      if (copy) {
        navigator.clipboard.writeText(copy.dataset.copy).then(() => (copy.textContent = "Copied"));
      } else if (link) {
        root.querySelector(link.getAttribute("href")).closest("details").open = true;
      }
    });
  }

  function start(root, data) {
    wireClicks(root);
    if (root.querySelector("#filter")) {
      wireFilter(root, data);
    }
  }

  const data = document.getElementById("data");
  if (data) {
    start(document.body, JSON.parse(data.textContent));
  }
  return { cells, counted, lazyRows, matching, start, wireClicks };
})();
