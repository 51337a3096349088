"use strict";

const js = require("@eslint/js");

const NODE = ["module", "process", "require"];
const BROWSER = [
  ...["URL", "URLSearchParams", "clearTimeout", "document", "fetch", "history", "location"],
  ...["navigator", "setTimeout", "window"],
];
const OURS = ["helpers", "report", "site"];
const TESTS = [...BROWSER, ...OURS, "Event", "KeyboardEvent", "QUnit", "performance"];

const readonly = (names) => Object.fromEntries(names.map((name) => [name, "readonly"]));
const among = (files, names) => ({
  files,
  languageOptions: { sourceType: "script", globals: readonly(names) },
  rules: {
    "no-redeclare": ["error", { builtinGlobals: false }],
    "no-unused-vars": ["error", { varsIgnorePattern: `^(${OURS.join("|")})$` }],
  },
});

module.exports = [
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      complexity: ["error", 10],
      curly: "error",
      eqeqeq: "error",
      "max-len": ["error", 100],
      "no-implied-eval": "error",
      "no-shadow": "error",
      "no-var": "error",
      "prefer-const": "error",
      strict: ["error", "global"],
      // Names and contents come from strangers: they become text, never markup.
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => ({ property })),
      ],
    },
  },
  among(["*.js"], NODE),
  among(["src/**/*.js"], [...BROWSER, "report"]),
  among(["tests/js/**/*.js"], TESTS),
];
