"use strict";

QUnit.module("filter", () => {
  const { DATA, many, openPage } = helpers;
  const found = (query) => report.matching(DATA, query).map((rows) => rows.length);

  QUnit.test.each(
    "matches",
    [
      ["nothing typed", "  ", [3, 1]],
      ["a member", "setup.py", [1, 0]],
      ["whatever its case", "INDEX", [1, 0]],
      ["a kind", "gzip-header-mtime", [0, 1]],
      ["a cause", "setuptools-sdist-time", [3, 1]],
      ["a value", "2026-11-05", [2, 0]],
      ["a field", "gzip", [0, 1]],
      ["all words, of the row or of its group", "tar-mtime 2026-11-05 setup.", [1, 0]],
      ["no regular expressions", ".*", [0, 0]],
      ["nothing", "absent", [0, 0]],
    ],
    (assert, [, query, expected]) => {
      assert.deepEqual(found(query), expected);
    },
  );

  QUnit.test("counts as people write them", (assert) => {
    assert.strictEqual(report.counted(12, 6910), "12 of 6,910");
    assert.strictEqual(report.counted(6910, 6910), "6,910");
  });

  QUnit.test("the page shows what is left", async (assert) => {
    const root = openPage(DATA);
    const [branch, contents, equal] = root.querySelectorAll("[data-branch]");
    const [first, second] = root.querySelectorAll("[data-group]");
    const count = (details) => details.querySelector(".count").textContent;
    const output = root.querySelector("output");
    const type = async (text) => {
      root.querySelector("#filter").value = text;
      root.querySelector("#filter").dispatchEvent(new Event("input"));
      await new Promise((resolve) => setTimeout(resolve, 200));
    };
    assert.strictEqual(output.textContent, "4 differences");

    await type("setup.py");
    assert.strictEqual(output.textContent, "1 of 4 differences");
    assert.deepEqual([branch, first].map(count), ["1 of 4", "1 of 3"]);
    assert.deepEqual([first.hidden, second.hidden, contents.hidden], [false, true, true]);
    assert.true(equal.hidden);
    assert.true(first.open && branch.open, "few enough to be unfolded");
    assert.strictEqual(first.querySelectorAll("li").length, 1);

    await type("Metadata-Version");
    assert.strictEqual(output.textContent, "0 of 4 differences");
    const hidden = [...contents.children].map((content) => content.hidden);
    assert.deepEqual([branch.hidden, contents.hidden, ...hidden], [true, false, false, true]);

    await type("same 1.0.WHL");
    assert.deepEqual([branch.hidden, equal.hidden], [true, false], "found by its name");

    await type("");
    assert.strictEqual(output.textContent, "4 differences");
    assert.deepEqual([branch, first].map(count), ["4", "3"]);
    assert.false(first.open || branch.open, "folded again");
    assert.strictEqual(root.querySelectorAll("main [hidden]:not(.more, .rest)").length, 0);
  });

  QUnit.test("50,000 differences do not freeze the page", (assert) => {
    const { strings, groups } = many(10000);
    const data = { strings, groups: Array(5).fill(groups[0]) };
    const start = performance.now();
    assert.strictEqual(report.matching(data, "module_99 django")[4].length, 111);
    assert.true(performance.now() - start < 500);
  });
});
