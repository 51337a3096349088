"use strict";

/**
 * What the pages of a site do beyond what HTML does by itself: copy, and search the table of all
 * artifacts.
 *
 * data/facets.json: names of verdicts, backends and years; of each part of the table, how many
 *                   artifacts it holds of what: [verdict, backend, year, count], places in names
 * data/N.json:      texts, and a row for each artifact: see COLUMNS
 */
const site = (() => {
  const COLUMNS = "project version filename verdict what backend uploaded address".split(" ");
  const TEXTS = ["project", "verdict", "what", "backend"]; // places in texts
  const FILTERS = { verdict: "verdicts", backend: "backends", year: "years" };
  const NAMES = Object.keys(FILTERS);
  const SORTS = ["project", "-project", "uploaded", "-uploaded"];
  const SIGNS = {
    identical: ["=", "Identical"],
    equivalent: ["≈", "Equivalent"],
    different: ["≠", "Different"],
    unbuildable: ["?", "Unbuildable"],
    pending: ["…", "Not yet verified"],
  };
  const PER_PAGE = 50;
  const AT_ONCE = 6;
  const PAUSE = 150; // milliseconds

  const formatted = (number) => number.toLocaleString("en");
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  const words = (query) => query.toLowerCase().split(/\s+/).filter(Boolean);

  /** What is asked for, from the part of the address after "#". */
  function parse(hash) {
    const given = new URLSearchParams(hash.replace(/^#/, ""));
    const state = { text: given.get("text") ?? "", sort: "project", page: 1 };
    NAMES.forEach((name) => (state[name] = given.get(name)));
    state.page = Math.max(1, Math.trunc(Number(given.get("page"))) || 1);
    if (SORTS.includes(given.get("sort"))) {
      state.sort = given.get("sort");
    }
    return state;
  }

  /** The same as an address; the shortest. */
  function format(state) {
    const found = new URLSearchParams();
    NAMES.filter((name) => state[name] !== null).forEach((name) => found.set(name, state[name]));
    const others = { text: "", sort: "project", page: 1 };
    Object.keys(others)
      .filter((name) => state[name] !== others[name])
      .forEach((name) => found.set(name, state[name]));
    return `#${found}`;
  }

  /** Of each filter its place in the names, -1 for one that nothing has, null for none. */
  function places(facets, state) {
    return NAMES.map((name) =>
      state[name] === null ? null : facets[FILTERS[name]].indexOf(state[name]),
    );
  }

  /** The parts that hold something of it, and how much, as far as filters tell. */
  function partsOf(facets, state) {
    const wanted = places(facets, state);
    const fits = (row) => wanted.every((place, at) => place === null || place === row[at]);
    return facets.parts
      .map(({ counts }, at) => ({
        number: at + 1,
        count: sum(counts.filter(fits).map((row) => row[3])),
      }))
      .filter(({ count }) => count > 0);
  }

  /** For one filter, how many there are of each of its names when the other filters hold. */
  function countsOf(facets, state, name) {
    const at = NAMES.indexOf(name);
    const wanted = places(facets, { ...state, [name]: null });
    const found = facets[FILTERS[name]].map(() => 0);
    facets.parts.forEach(({ counts }) =>
      counts
        .filter((row) => wanted.every((place, one) => place === null || place === row[one]))
        .forEach((row) => (found[row[at]] += row[3])),
    );
    return found;
  }

  /** The rows of a part as objects. */
  function unpack({ texts, rows }) {
    return rows.map((row) => {
      const found = Object.fromEntries(COLUMNS.map((column, at) => [column, row[at]]));
      TEXTS.forEach((column) => (found[column] = texts[found[column]]));
      found.year = found.uploaded.slice(0, 4);
      return found;
    });
  }

  function encoded(text) {
    return encodeURIComponent(text).replace(
      /[!'()*]/g,
      (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  }

  function address({ project, filename, address: given }) {
    return given || `projects/${encoded(project)}/${encoded(filename)}.html`;
  }

  function matches(state, row, wanted) {
    if (!NAMES.every((name) => state[name] === null || state[name] === row[name])) {
      return false;
    }
    if (wanted.length === 0) {
      return true;
    }
    const { project, version, filename, what, verdict } = row;
    const text = `${project} ${version} ${filename} ${what} ${verdict}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  }

  /** Loads each part once; open gives the content of a file as an object. */
  function loading(open) {
    const loaded = new Map();
    return (number) => {
      if (!loaded.has(number)) {
        const found = open(`data/${number}.json`).then(unpack);
        found.catch(() => loaded.delete(number));
        loaded.set(number, found);
      }
      return loaded.get(number);
    };
  }

  /**
   * What is asked for: { rows, total, done } for the page that is wanted, more than once where it
   * takes long: total grows until done is 1. Only parts that can hold something are loaded.
   */
  async function* search(facets, load, state) {
    const parts = partsOf(facets, state);
    if (state.sort.startsWith("-") && state.sort.endsWith("project")) {
      parts.reverse();
    }
    const isCounted = state.text.trim() === "" && state.sort.endsWith("project");
    yield* isCounted ? pick(parts, load, state) : scan(parts, load, state);
  }

  async function* pick(parts, load, state) {
    const total = sum(parts.map(({ count }) => count));
    const first = (state.page - 1) * PER_PAGE;
    let before = 0;
    const needed = parts.filter(({ count }) => {
      before += count;
      return before > first && before - count < first + PER_PAGE;
    });
    const skipped = sum(parts.slice(0, parts.indexOf(needed[0])).map(({ count }) => count));
    const found = await Promise.all(needed.map(({ number }) => load(number)));
    const rows = found.flatMap((part) => filtered(part, state, []));
    yield { rows: rows.slice(first - skipped, first - skipped + PER_PAGE), total, done: 1 };
  }

  async function* scan(parts, load, state) {
    const wanted = words(state.text);
    const isSorted = state.sort.endsWith("project");
    const first = (state.page - 1) * PER_PAGE;
    const page = (rows) => rows.slice(first, first + PER_PAGE);
    let found = [];
    for (let at = 0; at < parts.length; at += AT_ONCE) {
      const some = parts.slice(at, at + AT_ONCE).map(({ number }) => load(number));
      const loaded = await Promise.all(some);
      found = found.concat(...loaded.map((part) => filtered(part, state, wanted)));
      if (isSorted && at + AT_ONCE < parts.length) {
        yield { rows: page(found), total: found.length, done: (at + AT_ONCE) / parts.length };
      }
    }
    yield { rows: page(isSorted ? found : byTime(found, state)), total: found.length, done: 1 };
  }

  /** What of a part is wanted, in the order that is wanted. */
  function filtered(part, state, wanted) {
    const rows = part.filter((row) => matches(state, row, wanted));
    return state.sort === "-project" ? rows.reverse() : rows;
  }

  /** Those without a time last. */
  function byTime(rows, { sort }) {
    const sign = sort === "uploaded" ? 1 : -1;
    const order = (one, two) => (one === two ? 0 : one < two ? -sign : sign);
    return rows.sort(({ uploaded: one }, { uploaded: two }) =>
      one && two ? order(one, two) : Number(one === "") - Number(two === ""),
    );
  }

  function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  function mark(verdict) {
    const [sign, word] = SIGNS[verdict] ?? ["", verdict];
    const shown = element("span", { className: "sign" }, sign);
    shown.setAttribute("aria-hidden", "true");
    return element("span", { className: `mark ${verdict}` }, shown, word);
  }

  function line(row) {
    const link = element("a", { href: address(row) }, row.filename);
    const folder = link.getAttribute("href").replace(/[^/]*$/, "index.html");
    const project = element("a", { className: "of", href: folder }, row.project);
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, link, " ", project),
      element("td", {}, mark(row.verdict)),
      element("td", { className: "what" }, row.what),
      element("td", {}, row.backend),
      element("td", { className: "date" }, row.uploaded),
    );
  }

  /** "51 to 100 of 2,345 artifacts". */
  function told({ rows, total, done }, { page }) {
    const noun = total === 1 ? "artifact" : "artifacts";
    const more = done < 1 ? `, ${Math.round(100 * done)} % searched` : "";
    if (total === 0) {
      return done < 1 ? `Searching${more}` : "No artifact is like this.";
    }
    const first = (page - 1) * PER_PAGE + 1;
    const last = first + rows.length - 1;
    const range = rows.length === 0 ? "None" : `${formatted(first)} to ${formatted(last)}`;
    return `${range} of ${formatted(total)} ${noun}${more}`;
  }

  function wireTable(root, facets, load) {
    const at = (id) => root.querySelector(`#${id}`);
    const text = at("text");
    const body = at("artifacts").querySelector("tbody");
    let turn = 0;
    let timer;
    let state;

    function go(change) {
      location.hash = format({ ...state, page: 1, ...change });
    }

    function fillFilter(name) {
      const counts = countsOf(facets, state, name);
      const order = facets[FILTERS[name]].map((value, place) => ({ value, count: counts[place] }));
      const compare = (one, two) => (one === two ? 0 : one < two ? -1 : 1);
      order.sort((one, two) =>
        name === "year" ? compare(two.value, one.value) : two.count - one.count,
      );
      const options = order
        .filter(({ value, count }) => count > 0 || value === state[name])
        .map(({ value, count }) =>
          element(
            "option",
            { value: `=${value}` },
            `${SIGNS[value]?.[1] ?? (value || "unknown")} (${formatted(count)})`,
          ),
        );
      at(name).replaceChildren(element("option", { value: "" }, "all"), ...options);
      at(name).value = state[name] === null ? "" : `=${state[name]}`;
    }

    function fillControls() {
      NAMES.forEach(fillFilter);
      if (words(text.value).join(" ") !== words(state.text).join(" ")) {
        text.value = state.text;
      }
      root.querySelectorAll("[data-sort]").forEach((head) => {
        const name = head.dataset.sort;
        const sorts = { [name]: "ascending", [`-${name}`]: "descending" };
        head.setAttribute("aria-sort", sorts[state.sort] ?? "none");
      });
    }

    function paint(found) {
      body.replaceChildren(...found.rows.map(line));
      at("found").textContent = told(found, state);
      const hadFocus = [at("previous"), at("next")].includes(document.activeElement);
      at("previous").disabled = state.page === 1;
      at("next").disabled = state.page * PER_PAGE >= found.total;
      at("pager").hidden = at("previous").disabled && at("next").disabled;
      if (hadFocus) {
        at("artifacts-title").focus(); // a button that is disabled loses it
      }
    }

    /** To where the reader was before another page was opened. */
    function comeBack() {
      const opened = history.state?.opened;
      const link = [...body.querySelectorAll("a")].find((each) => each.href === opened);
      link?.focus({ preventScroll: true });
      link?.scrollIntoView({ block: "center" });
    }

    async function show() {
      turn += 1;
      const mine = turn;
      state = parse(location.hash);
      fillControls();
      try {
        for await (const found of search(facets, load, state)) {
          if (mine !== turn) {
            return;
          }
          paint(found);
        }
      } catch {
        at("found").textContent = "The table cannot be loaded.";
      }
      comeBack();
    }

    function typed() {
      clearTimeout(timer);
      const typedIn = { ...state, text: text.value.trim(), page: 1 };
      history.replaceState(null, "", format(typedIn));
      show();
    }

    function wireControls() {
      text.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(typed, PAUSE);
      });
      NAMES.forEach((name) =>
        at(name).addEventListener("change", ({ target: { value } }) =>
          go({ [name]: value ? value.slice(1) : null }),
        ),
      );
      at("finder").addEventListener("submit", (event) => {
        event.preventDefault();
        typed();
      });
      at("finder").addEventListener("reset", (event) => {
        event.preventDefault();
        text.value = "";
        go(parse(""));
      });
      at("previous").addEventListener("click", () => go({ page: state.page - 1 }));
      at("next").addEventListener("click", () => go({ page: state.page + 1 }));
    }

    function wireHeads() {
      root.querySelectorAll("#artifacts [data-sort]").forEach((head) => {
        const name = head.dataset.sort;
        const button = element("button", { type: "button" }, head.textContent);
        button.addEventListener("click", () =>
          go({ sort: state.sort === name ? `-${name}` : name }),
        );
        head.replaceChildren(button);
      });
    }

    function clicked(event) {
      const filter = event.target.closest("a[data-filter]");
      const opened = event.target.closest("tbody a");
      if (filter) {
        event.preventDefault();
        location.hash = format(parse(filter.dataset.filter));
        at("artifacts-title").focus({ preventScroll: true });
        at("artifacts").scrollIntoView();
      } else if (opened && body.contains(opened)) {
        history.replaceState({ opened: opened.href }, "");
      }
    }

    function shortcut(event) {
      const { key, target, ctrlKey, altKey, metaKey } = event;
      const isPlain = !ctrlKey && !altKey && !metaKey;
      if (target === text && key === "Escape") {
        text.value = "";
        typed();
      } else if (key === "/" && isPlain && !target.matches("input, select")) {
        event.preventDefault();
        text.focus();
        text.select();
      }
    }

    wireControls();
    wireHeads();
    root.addEventListener("click", clicked);
    root.addEventListener("keydown", shortcut);
    window.addEventListener("hashchange", show);
    at("finder").hidden = false;
    at("static").hidden = true;
    return show();
  }

  /** A badge's address is known where the page is served. */
  function fillAddress(root) {
    const base = new URL(".", location.href).href.replace(/\/$/, "");
    const filled = (given) => given.replaceAll("ADDRESS", base);
    root.querySelectorAll("[data-markdown]").forEach((code) => {
      code.textContent = filled(code.textContent);
      const copy = code.parentElement.querySelector("[data-copy]");
      copy.dataset.copy = filled(copy.dataset.copy);
    });
    root.querySelectorAll("[data-no-address]").forEach((each) => (each.hidden = true));
  }

  async function get(path) {
    const answer = await fetch(path);
    if (!answer.ok) {
      throw new Error(answer.statusText);
    }
    return answer.json();
  }

  async function start(root) {
    if (!root.querySelector("#data")) {
      report.wireClicks(root);
    }
    if (!location.protocol.startsWith("http")) {
      return; // a browser loads no data from files
    }
    fillAddress(root);
    if (root.querySelector("#finder")) {
      await wireTable(root, await get("data/facets.json"), loading(get));
    }
  }

  return {
    address, countsOf, format, loading, parse, partsOf, search, start, told, unpack, wireTable,
  };
})();

if (document.querySelector("link[href*='site.css']")) {
  site.start(document.body);
}
