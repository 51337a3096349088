"use strict";

QUnit.module("site", () => {
  const ROWS = 120;

  const VERDICTS = ["identical", "different"];
  const BACKENDS = ["setuptools", "<img src=x>"];
  const YEARS = ["2025", ""];

  /** So many artifacts in parts of 50; each third is different, each fifth of the other backend. */
  function made() {
    const rows = Array.from({ length: ROWS }, (_, at) => ({
      project: `project-${String(at).padStart(3, "0")}`,
      filename: at === 7 ? "odd+name!1.whl" : `project_${at}-1.0.whl`,
      verdict: Number(at % 3 === 0),
      backend: Number(at % 5 === 0),
      year: Number(at % 2),
      uploaded: at % 2 ? "" : `2025-01-${String((at % 28) + 1).padStart(2, "0")}`,
    }));
    const files = {};
    const parts = [];
    for (let start = 0; start < ROWS; start += 50) {
      const some = rows.slice(start, start + 50);
      const texts = [...VERDICTS, ...BACKENDS, "byte for byte", ...some.map((row) => row.project)];
      files[`data/${parts.length + 1}.json`] = {
        texts,
        rows: some.map((row, at) => [
          5 + at, "1.0", row.filename, row.verdict, 4, 2 + row.backend, row.uploaded, "",
        ]),
      };
      parts.push({ counts: some.map((row) => [row.verdict, row.backend, row.year, 1]) });
    }
    const names = { verdicts: VERDICTS, backends: BACKENDS, years: YEARS };
    return { facets: { rows: ROWS, ...names, parts }, files };
  }

  /** All that a search gives, and which parts it loaded. */
  async function searched(address) {
    const { facets, files } = made();
    const loaded = [];
    const load = site.loading(async (path) => {
      loaded.push(path);
      return files[path];
    });
    const state = site.parse(address);
    const found = [];
    for await (const each of site.search(facets, load, state)) {
      found.push(each);
    }
    const last = found[found.length - 1];
    return { ...last, told: site.told(last, state), loaded: loaded.length };
  }

  QUnit.test.each(
    "addresses",
    ["#", "#verdict=different", "#year=", "#verdict=a&backend=b+%26c&year=2025&text=x+y&page=3"],
    (assert, address) => {
      assert.strictEqual(site.format(site.parse(address)), address);
    },
  );

  QUnit.test("odd addresses are no harm", (assert) => {
    const state = site.parse("#page=-7&sort=%3Cscript%3E&verdict=%ff&other=1");
    assert.strictEqual(state.page, 1);
    assert.strictEqual(state.sort, "project");
    assert.strictEqual(state.backend, null);
  });

  QUnit.test.each(
    "searches",
    [
      ["#", 120, 50, "project-000", 1],
      ["#page=2", 120, 50, "project-050", 1],
      ["#page=3", 120, 20, "project-100", 1],
      ["#page=9", 120, 0, undefined, 0],
      ["#sort=-project", 120, 50, "project-119", 2],
      ["#verdict=different", 40, 40, "project-000", 3],
      ["#verdict=different&backend=setuptools", 32, 32, "project-003", 3],
      ["#verdict=equivalent", 0, 0, undefined, 0],
      ["#text=PROJECT-11", 10, 10, "project-110", 3],
      ["#text=odd different", 0, 0, undefined, 3],
      ["#text=byte+odd", 1, 1, "project-007", 3],
      ["#sort=-uploaded", 120, 50, "project-026", 3],
      ["#sort=uploaded&page=3", 120, 20, "project-081", 3],
    ],
    async (assert, [address, total, shown, first, loaded]) => {
      const found = await searched(address);
      assert.deepEqual(
        [found.total, found.rows.length, found.rows[0]?.project, found.loaded],
        [total, shown, first, loaded],
      );
    },
  );

  QUnit.test("pages follow each other without a gap", async (assert) => {
    const filters = ["", "&verdict=identical", "&sort=-project", "&sort=uploaded", "&text=1"];
    for (const filter of filters) {
      const seen = [];
      for (let page = 1, more = true; more; page += 1) {
        const { rows } = await searched(`#page=${page}${filter}`);
        seen.push(...rows.map((row) => row.project));
        more = rows.length > 0;
      }
      const { total } = await searched(`#${filter}`);
      assert.strictEqual(new Set(seen).size, total, filter);
      assert.strictEqual(seen.length, total, filter);
    }
  });

  QUnit.test("what is found is told", async (assert) => {
    assert.strictEqual((await searched("#page=2")).told, "51 to 100 of 120 artifacts");
    assert.strictEqual((await searched("#text=odd")).told, "1 to 1 of 1 artifact");
    assert.strictEqual((await searched("#text=absent")).told, "No artifact is like this.");
  });

  QUnit.test("each filter says how many there are when the others hold", (assert) => {
    const { facets } = made();
    const counts = (address, name) => site.countsOf(facets, site.parse(address), name);
    assert.deepEqual(counts("#", "verdict"), [80, 40]);
    assert.deepEqual(counts("#verdict=different", "verdict"), [80, 40]);
    assert.deepEqual(counts("#verdict=different", "backend"), [32, 8]);
    assert.deepEqual(counts("#year=2025", "year"), [60, 60]);
  });

  QUnit.test("a part that could not be loaded is asked for again", async (assert) => {
    let tries = 0;
    const load = site.loading(async () => {
      tries += 1;
      if (tries === 1) {
        throw new Error("away");
      }
      return { texts: [], rows: [] };
    });
    await assert.rejects(load(1));
    assert.deepEqual(await load(1), []);
    await load(1);
    assert.strictEqual(tries, 2);
  });

  QUnit.test("addresses of pages", (assert) => {
    const row = { project: "a", filename: "b+c!d.whl", address: "" };
    assert.strictEqual(site.address(row), "projects/a/b%2Bc%21d.whl.html");
    assert.strictEqual(site.address({ ...row, address: "other.html" }), "other.html");
  });

  QUnit.test("the page shows what is left, as text", async (assert) => {
    const root = document.getElementById("qunit-fixture");
    root.replaceChildren(document.getElementById("site").content.cloneNode(true));
    const { facets, files } = made();
    const load = site.loading(async (path) => files[path]);
    await site.wireTable(root, facets, load);
    assert.strictEqual(root.querySelectorAll("tbody tr").length, 50);
    assert.strictEqual(root.querySelector("#found").textContent, "1 to 50 of 120 artifacts");
    assert.false(root.querySelector("#finder").hidden);
    assert.true(root.querySelector("#static").hidden);
    const labels = [...root.querySelectorAll("#backend option")].map((each) => each.textContent);
    assert.deepEqual(labels, ["all", "setuptools (96)", "<img src=x> (24)"]);
    assert.strictEqual(root.querySelectorAll("img").length, 0);
    assert.strictEqual(root.querySelector("th[data-sort]").getAttribute("aria-sort"), "ascending");
    assert.strictEqual(
      root.querySelector("tbody .of").getAttribute("href"),
      "projects/project-000/index.html",
    );
  });
});
