import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { engineTest } from "./_testing.ts";
import { findLibrary, WASMTIME_SHA256, WASMTIME_VERSION } from "./library.ts";

const LAUNCHER = fileURLToPath(new URL("../../lux9", import.meta.url));
/** What the launcher calls, but for what may bring pip. */
const TOOLS = "sh sha256sum readlink mktemp find rm mv mkdir cp tail sed ls uname chmod cat";

/** A folder that looks as after a first start without wasmtime, with a program that says that it runs. */
async function installed() {
  const root = await Deno.makeTempDir({ prefix: "lux9-launcher-" });
  const bin = join(root, "bin");
  for (const dir of [bin, join(root, "cli"), join(root, ".lux9/deno-dir")]) {
    await Deno.mkdir(dir, { recursive: true });
  }
  await Deno.copyFile(LAUNCHER, join(root, "lux9"));
  await Deno.writeTextFile(join(root, "deno.json"), "{}");
  await Deno.writeTextFile(join(root, "deno.lock"), "{}");
  await Deno.writeTextFile(join(root, "cli/main.ts"), `console.log("it runs")`);
  const stamp = `
    for tool in ${TOOLS}; do ln -s "$(command -v $tool)" bin/; done
    { sha256sum <deno.lock; printf '%s\\n' "$DENO" "$DENO"; LC_ALL=C ls -idnL --time-style=+%s -- "$DENO"; } >.lux9/deno-dir/lux9-ready`;
  const made = await new Deno.Command("sh", {
    args: ["-c", stamp],
    cwd: root,
    env: { DENO: Deno.execPath() },
  }).output();
  assert.ok(made.success, new TextDecoder().decode(made.stderr));
  const pip = (script: string) =>
    Deno.writeTextFile(join(bin, "pip3"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const start = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(join(root, "lux9"), {
      args,
      clearEnv: true,
      env: { PATH: bin, LUX9_DENO: Deno.execPath() },
    }).output();
    return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
  };
  return { root, pip, start, [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }) };
}

Deno.test("the launcher knows the same wasmtime as the program", () => {
  const text = Deno.readTextFileSync(LAUNCHER);
  assert.ok(text.includes(`\nWASMTIME_VERSION=${WASMTIME_VERSION}\n`));
  assert.ok(text.includes(`\nWASMTIME_SHA256=${WASMTIME_SHA256}\n`));
});

Deno.test("lux9 starts without pip, says in one line what is missing, and tries again ever more rarely", async () => {
  await using here = await installed();
  const said: number[] = [];
  for (let start = 1; start <= 16; start++) {
    const { code, out, err } = await here.start("version");
    assert.deepEqual([code, out], [0, "it runs\n"]);
    if (err === "") continue;
    said.push(start);
    assert.match(
      err,
      /^lux9: without wasmtime [\d.]+, so translators are off: neither .* To try again: lux9 wasmtime\n$/,
    );
  }
  assert.deepEqual(said, [1, 3, 7, 15]);
  const asked = await here.start("wasmtime");
  assert.deepEqual([asked.code, asked.out], [1, ""]);
  assert.match(asked.err, /^lux9: could not install wasmtime .*apt-get install python3-pip/);
});

Deno.test("lux9 takes no other file for wasmtime, and says what pip says", async () => {
  await using here = await installed();
  await here.start("version");
  assert.equal((await here.start("version")).err, "");
  await here.pip("echo no network >&2; exit 1");
  assert.match((await here.start("version")).err, /translators are off: pip did not bring it/, "pip is new");
  assert.equal((await here.start("version")).err, "");
  assert.match(
    (await here.start("wasmtime")).err,
    /could not install wasmtime .*: pip did not bring it\n {4}no network\n/,
  );
  await here.pip(
    `while [ "$1" != --target ]; do shift; done; mkdir -p "$2/wasmtime/linux-x86_64"; echo bad >"$2/wasmtime/linux-x86_64/_libwasmtime.so"`,
  );
  assert.match((await here.start("wasmtime")).err, /is not the file that this launcher expects/);
  const left = [...Deno.readDirSync(join(here.root, ".lux9"))].map(({ name }) => name).sort();
  assert.deepEqual(left, ["deno-dir", "wasmtime-missed"]);
});

const INSTALLS = "lux9 installs wasmtime at the first start with pip, and then starts nothing more for it";
const namesAnother = Deno.env.has("LUX9_WASMTIME");
if (namesAnother) {
  console.log(`SKIP ${INSTALLS}: LUX9_WASMTIME names a library, so that there is none to install`);
}
engineTest({
  name: INSTALLS,
  ignore: namesAnother,
  async fn() {
    await using here = await installed();
    await here.start("version");
    await here.pip(`
      echo "$*" >>"${here.root}/calls"
      while [ "$1" != --target ]; do shift; done
      mkdir -p "$2/wasmtime/linux-x86_64" && cp "${findLibrary()}" "$2/wasmtime/linux-x86_64/_libwasmtime.so"`);
    const first = await here.start("version");
    assert.deepEqual([first.code, first.out], [0, "it runs\n"]);
    assert.match(first.err, /^lux9: installing wasmtime .*\n$/);
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(await here.start("version"), { code: 0, out: "it runs\n", err: "" });
    }
    const calls = Deno.readTextFileSync(join(here.root, "calls")).trim().split("\n");
    assert.equal(calls.length, 1);
    assert.match(calls[0], new RegExp(` wasmtime==${WASMTIME_VERSION}$`));
    const library = join(here.root, `.lux9/wasmtime-${WASMTIME_VERSION}/libwasmtime.so`);
    assert.deepEqual(await here.start("wasmtime"), {
      code: 0,
      out: "",
      err: `lux9: translators run with ${library}\n`,
    });
  },
});
