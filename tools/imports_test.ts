import assert from "node:assert/strict";
import { join } from "node:path";
import { IMPORT_RULES } from "./import_rules.ts";
import { check, type Import, importsOf } from "./imports.ts";

const at = (file: string, target: string | undefined, specifier = `./${target}`): Import => ({
  file,
  line: 3,
  column: 1,
  specifier,
  target,
});

Deno.test("check allows what points the right way", () => {
  assert.deepEqual(
    check([
      at("9p/server/engine.ts", "9p/error.ts"),
      at("servers/mem/mem.ts", "9p/mod.ts"),
      at("servers/mem/mem.ts", "servers/mem/inode.ts"),
      at("namespace/guard.ts", "policies/mod.ts"),
      at("cli/node/tree.ts", "servers/host/mod.ts"),
      at("tests/conformance/wire.ts", "9p/wire/codec.ts"),
      at("9p/client/tree_test.ts", "servers/mem/mod.ts"),
      at("cli/node/config.ts", undefined, "yaml"),
      at("servers/host/host.ts", undefined, "node:path"),
    ]),
    [],
  );
});

Deno.test("check names what points the wrong way, with the reason", () => {
  const forbidden: [string, string, RegExp][] = [
    ["9p/mod.ts", "servers/mem/mod.ts", /9p may import nothing of ours: the protocol stands alone/],
    ["servers/mem/mem.ts", "servers/host/mod.ts", /servers\/mem may import 9p: .*never another server/],
    ["servers/mem/mem.ts", "9p/server/engine.ts", /9p is entered by 9p\/mod\.ts only/],
    ["servers/mem/mem.ts", "namespace/mod.ts", /servers\/mem may import 9p/],
    ["namespace/mount.ts", "servers/mem/mod.ts", /namespace may import 9p, policies/],
    ["policies/may.ts", "9p/mod.ts", /policies may import nothing of ours/],
    ["cli/main.ts", "tests/interop/command.ts", /cli may import/],
    ["cli/main.ts", "servers/mem/mem.ts", /servers\/mem is entered by servers\/mem\/mod\.ts only/],
    ["misc/x.ts", "9p/mod.ts", /misc\/x\.ts is in no part .* add a row/],
    ["servers/x.ts", "9p/mod.ts", /servers\/x\.ts is in no part/],
  ];
  for (const [file, target, reason] of forbidden) {
    const violations = check([at(file, target)]);
    assert.equal(violations.length, 1, `${file} -> ${target}`);
    assert.match(violations[0].reason, reason);
    assert.equal(violations[0].line, 3);
  }
});

Deno.test("check wants packages by their name in deno.json", () => {
  for (const specifier of ["npm:zod@4", "jsr:@std/path", "https://example.com/mod.ts"]) {
    assert.match(check([at("cli/main.ts", undefined, specifier)])[0].reason, /pinned in deno\.json/);
  }
});

Deno.test("importsOf finds every kind of import with its line", async () => {
  const root = await Deno.makeTempDir({ prefix: "lux9-imports-test-" });
  try {
    await Deno.writeTextFile(join(root, "deno.json"), "{}");
    await Deno.mkdir(join(root, "9p"));
    await Deno.mkdir(join(root, "servers/mem"), { recursive: true });
    for (const name of ["a", "b", "c", "d"]) {
      await Deno.writeTextFile(join(root, `9p/${name}.ts`), "export type T = 1;\nexport const t = 1;\n");
    }
    await Deno.writeTextFile(
      join(root, "servers/mem/mod.ts"),
      [
        'import type { T } from "../../9p/a.ts";',
        "// import './nothing.ts';",
        'export { t } from "../../9p/b.ts";',
        'type U = import("../../9p/c.ts").T;',
        'export const late = async (): Promise<[T, U]> => [(await import("../../9p/d.ts")).t, 1];',
      ].join("\n"),
    );
    const files = ["9p/a.ts", "9p/b.ts", "9p/c.ts", "9p/d.ts", "servers/mem/mod.ts"];
    const found = await importsOf(root, files);
    assert.deepEqual(
      found.map(({ file, line, target }) => `${file}:${line} ${target}`),
      ["1 9p/a", "3 9p/b", "4 9p/c", "5 9p/d"].map((text) => `servers/mem/mod.ts:${text}.ts`),
    );
    assert.equal(check(found).length, 4);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("importsOf refuses a file that does not parse and an import of nothing", async () => {
  const root = await Deno.makeTempDir({ prefix: "lux9-imports-test-" });
  try {
    await Deno.writeTextFile(join(root, "deno.json"), "{}");
    await Deno.writeTextFile(join(root, "bad.ts"), "export const = ;\n");
    await assert.rejects(importsOf(root, ["bad.ts"]), /bad\.ts/);
    await Deno.writeTextFile(join(root, "bad.ts"), 'import "./missing.ts";\n');
    await assert.rejects(importsOf(root, ["bad.ts"]), /missing\.ts/);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("every row of the import table holds for its folder: no earlier one takes it", () => {
  for (const [i, { part }] of IMPORT_RULES.entries()) {
    const rows = IMPORT_RULES.slice(0, i + 1).map(({ part }) => ({
      part,
      mayImport: [],
      reason: `row ${part}`,
    }));
    const rules = [...rows, { part: "elsewhere", mayImport: [], reason: "" }];
    const [found] = check([at(`${part.replaceAll("*", "any")}/a.ts`, "elsewhere/mod.ts")], rules);
    assert.ok(found.reason.endsWith(`row ${part}`), found.reason);
  }
});
