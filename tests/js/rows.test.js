"use strict";

QUnit.module("rows", () => {
  const { DATA, many, openPage, unfold } = helpers;

  QUnit.test("shows the columns that vary, and says where there is nothing", (assert) => {
    const shown = ({ varying, rows }) =>
      rows.map((row) => report.cells(DATA, varying, row).map(({ text }) => text));
    assert.deepEqual(shown(DATA.groups[0])[0], ["setup.py", "2026-11-05"]);
    assert.deepEqual(shown(DATA.groups[1])[0], ["gzip", "2026-11-04", ""]);
  });

  QUnit.test("makes no rows before they are looked at", async (assert) => {
    const root = openPage(DATA);
    const [first, second] = root.querySelectorAll("[data-group]");
    assert.strictEqual(first.querySelector(".rows").textContent, "sample");
    await unfold(first);
    const texts = [...first.querySelectorAll("li")].map((row) => row.textContent);
    assert.deepEqual(texts, [
      "setup.py+\u00a02026-11-05",
      "docs/Index.txt+\u00a02026-11-04",
      "<img src=x>+\u00a02026-11-05",
    ]);
    await unfold(second);
    const text = second.querySelector("li").textContent;
    assert.strictEqual(text, "gzip−\u00a02026-11-04+\u00a0nothing");
  });

  QUnit.test("names are text, never markup", async (assert) => {
    const root = openPage(DATA);
    await unfold(root.querySelector("[data-group]"));
    assert.strictEqual(root.querySelector("img"), null);
  });

  QUnit.test("10,000 rows come 200 at a time", async (assert) => {
    const root = openPage(many(10000));
    const details = root.querySelector("[data-group]");
    const more = details.querySelector("button");
    const rest = details.querySelector(".rest");
    const count = () => details.querySelectorAll("li").length;
    const start = performance.now();
    await unfold(details);
    assert.true(performance.now() - start < 1000);
    assert.strictEqual(count(), 200);
    assert.strictEqual(more.textContent, "Show 200");
    assert.strictEqual(rest.textContent, "and 9,800 more");
    more.click();
    assert.strictEqual(count(), 400);
    while (!more.hidden) {
      more.click();
    }
    assert.strictEqual(count(), 10000);
    assert.true(rest.hidden);
  });

  QUnit.test("focus stays where the reader is when the last rows come", async (assert) => {
    const root = openPage(many(201));
    const details = root.querySelector("[data-group]");
    root.querySelector("details").open = true;
    await unfold(details);
    details.querySelector("button").focus();
    details.querySelector("button").click();
    assert.strictEqual(document.activeElement, details.querySelectorAll("li")[200]);
  });
});
