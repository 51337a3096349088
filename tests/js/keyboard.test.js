"use strict";

QUnit.module("keyboard and mouse", () => {
  const { DATA, fixture, openPage } = helpers;
  const press = (target, key, modifiers = {}) =>
    target.dispatchEvent(
      new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...modifiers }),
    );

  QUnit.test("the filter is there only with its script", (assert) => {
    assert.true(fixture().querySelector(".filter").hidden);
    assert.false(openPage(DATA).querySelector(".filter").hidden);
  });

  QUnit.test("/ goes to the filter, and stays a letter in it", (assert) => {
    const root = openPage(DATA);
    const input = root.querySelector("#filter");
    assert.true(press(root, "/", { ctrlKey: true }), "left to the browser");
    assert.notStrictEqual(document.activeElement, input);
    assert.false(press(root, "/"), "taken");
    assert.strictEqual(document.activeElement, input);
    assert.true(press(input, "/"), "typed");
  });

  QUnit.test("Escape clears the filter", (assert) => {
    const root = openPage(DATA);
    const input = root.querySelector("#filter");
    input.value = "absent";
    press(root, "Escape");
    assert.strictEqual(input.value, "absent");
    press(input, "Escape");
    assert.strictEqual(input.value, "");
    assert.strictEqual(root.querySelector("output").textContent, "4 differences");
  });

  QUnit.test("a link to an entry unfolds it", (assert) => {
    const root = openPage(DATA);
    root.querySelector("#link").click();
    assert.true(root.querySelector(".entry").open);
  });

  QUnit.test("a page without differences has no filter, and no trouble", (assert) => {
    const root = fixture();
    root.querySelector(".filter").remove();
    root.querySelector("main").remove();
    report.start(root, { strings: [], groups: [] });
    assert.strictEqual(root.querySelector("output"), null);
  });
});
