"use strict";

const { accessSync, constants } = require("node:fs");
const path = require("node:path");

const { ESLint } = require("eslint");

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** The system's browser; none is downloaded. */
function chromium() {
  if (process.env.CHROMIUM) {
    return process.env.CHROMIUM;
  }
  const folders = process.env.PATH.split(path.delimiter);
  const files = NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  const found = files.find(isProgram);
  if (!found) {
    throw new Error("No Chromium: install one, or name it in CHROMIUM.");
  }
  return found;
}

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

module.exports = (grunt) => {
  grunt.loadNpmTasks("grunt-contrib-qunit");

  grunt.registerTask("lint", "ESLint, by eslint.config.js", async function () {
    const done = this.async();
    const eslint = new ESLint();
    const results = await eslint.lintFiles(["*.js", "src/**/*.js", "tests/js/**/*.js"]);
    const formatter = await eslint.loadFormatter();
    grunt.log.write(await formatter.format(results));
    done(results.every(({ errorCount, warningCount }) => errorCount + warningCount === 0));
  });

  grunt.registerTask("browser", "Names the browser for QUnit", () => {
    grunt.config("qunit", {
      all: ["tests/js/tests.html"],
      options: {
        puppeteer: {
          executablePath: chromium(),
          args: [
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-gpu",
            "--disable-quic",
            "--disable-sync",
            "--no-first-run",
            "--no-sandbox",
          ],
        },
      },
    });
  });

  grunt.registerTask("test", ["browser", "qunit"]);
  grunt.registerTask("default", ["lint", "test"]);
};
