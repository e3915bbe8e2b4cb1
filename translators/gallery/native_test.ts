/** The gallery against the programs that it is like, on awkward and random input, from a printed seed. */
import { deepEqual, equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { galleryFolder, type GalleryName } from "./gallery.ts";
import type { RunResult } from "./golden.ts";
import { runOnV8 } from "./v8_wasi_fixture.ts";

/** The same in every run, so that a change shows what it broke and no more; LUX9_SEED tries another. */
const seed = Number(Deno.env.get("LUX9_SEED") ?? 1);
/** What a fraction of 2^32 is compared with. */
const U32 = 2 ** 32;

let state = seed;
/** Below `bound`: mulberry32, which is small and the same everywhere. */
function random(bound: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / U32 * bound);
}

const pick = <T>(from: readonly T[]): T => from[random(from.length)];
const bytes = (text: string) => new TextEncoder().encode(text);

const WORDS = [
  "alpha",
  "Beta",
  "10",
  "9",
  "-3",
  "1.5",
  "1.50",
  "  x",
  "0x1",
  "-0",
  "00",
  "+4",
  ".5",
  "-",
  "",
  "é",
];

/** Lines of a few words each, the last often without its end. */
function lines(): Uint8Array {
  const separator = pick([" ", "\t", "  ", ":", " \t"]);
  const line = () => Array.from({ length: random(5) }, () => pick(WORDS)).join(separator);
  return bytes(Array.from({ length: random(40) }, line).join("\n") + pick(["", "\n"]));
}

function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random(256));
}

const TEXTS = ["", "\n", "a", "\n\n\n", "a\nb", " \t", "x".repeat(200_000), "\n".repeat(70_000)].map(bytes);
const texts = () => [...TEXTS, ...Array.from({ length: 12 }, lines)];
const inputs = () => [...texts(), noise(random(3000)), noise(150_000 + random(50_000))];

/** By a file, as a program that answers before it has read all would wait for us, and we for it. */
function native(command: readonly string[], input: Uint8Array, locale = "C"): RunResult {
  const file = Deno.makeTempFileSync({ prefix: "lux9-native-" });
  try {
    Deno.writeFileSync(file, input);
    const args = ["-c", 'exec "$@" <"$0"', file, ...command];
    const env = { LC_ALL: locale, TZ: "UTC" };
    const { code, stdout, stderr } = new Deno.Command("sh", { args, env, stdin: "null" }).outputSync();
    return { exitCode: code, stdout, stderr };
  } finally {
    Deno.removeSync(file);
  }
}

type Run = (args: readonly string[], input: Uint8Array) => RunResult;

/** One test for a module, where the program that it is like is there. */
function compare(name: GalleryName, program: string, test: (run: Run) => void): void {
  const title = `${name} answers as ${program} does, seed ${seed}`;
  const has =
    new Deno.Command("sh", { args: ["-c", `command -v ${program}`], stdout: "null" }).outputSync().success;
  if (!has) console.log(`SKIP ${title}: ${program} is not on PATH`);
  Deno.test({
    name: title,
    ignore: !has,
    async fn() {
      const module = await Deno.readFile(join(galleryFolder(name), "module.wasm"));
      test((args, input) => runOnV8(module, args, input));
    },
  });
}
function same(came: RunResult, expected: RunResult, what: string): void {
  const length = Math.max(came.stdout.length, expected.stdout.length);
  let at = 0;
  while (at < length && came.stdout[at] === expected.stdout[at]) at++;
  if (at === length) return;
  // A part of each, as the whole may have hundreds of thousands of lines.
  const part = ({ stdout }: RunResult) =>
    new TextDecoder("latin1").decode(stdout.subarray(Math.max(0, at - 40), at + 80));
  equal(part(came), part(expected), `${what} at byte ${at}`);
}

compare("sha256", "sha256sum", (run) => {
  for (const input of inputs()) {
    const { stdout, ...rest } = native(["sha256sum"], input);
    same(
      run([], input),
      { ...rest, stdout: bytes(`${new TextDecoder().decode(stdout).split(" ")[0]}\n`) },
      "",
    );
  }
});

compare("head", "head", (run) => {
  for (const input of inputs()) {
    for (const n of [0, 1, 7, 5000]) {
      same(run([`n=${n}`], input), native(["head", "-n", `${n}`], input), `-n ${n}`);
      same(run(["n=10", `bytes=${n}`], input), native(["head", "-c", `${n}`], input), `-c ${n}`);
    }
  }
});

/** GNU wc up to 9.4 left bytes that it could not print out of words; since then, as in POSIX, white space alone parts them. */
function countsAllBytes(): boolean {
  const { stdout } = native(["sh", "-c", "printf '\\0' | wc -w"], new Uint8Array());
  return new TextDecoder().decode(stdout).trim() === "1";
}

/** What every wc has the same rule for in the locale C. */
function isPrintableOrSpace(byte: number): boolean {
  return (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d);
}

compare("wc", "wc", (run) => {
  const check = (input: Uint8Array, locale: string) => {
    // By a pipe of its own: of a regular file wc would know the size, and make its columns narrower.
    // Without POSIXLY_CORRECT the byte A0, a space that breaks no line in Latin 1, parts words in the locale C.
    const wc = (flags: string) => native(["sh", "-c", `cat | POSIXLY_CORRECT=1 wc ${flags}`], input, locale);
    same(run([], input), wc(""), "");
    same(run(["lines=true"], input), wc("-l"), "-l");
    same(run(["words=true", "bytes=true"], input), wc("-wc"), "-wc");
  };
  for (const input of texts()) check(input, "C.UTF-8");
  const wanted = countsAllBytes() ? () => true : isPrintableOrSpace;
  for (const length of [random(3000), 150_000 + random(50_000), 300, 3]) {
    const input = noise(length);
    check(input.filter(wanted), "C");
    // Most of it white space, so that there are words to part.
    check(input.map((byte) => byte < 128 ? pick([...bytes(" \t\n\v\f\r")]) : byte - 128).filter(wanted), "C");
  }
  if (countsAllBytes()) return;
  for (const input of [noise(200_000), new Uint8Array(5)]) {
    // The rest of the noise is compared in what it has to be by the other rule: as if those bytes were not there.
    const { stdout } = native(["sh", "-c", "cat | wc -w"], input, "C");
    same(
      run(["words=true"], input.filter(isPrintableOrSpace)),
      { exitCode: 0, stdout, stderr: stdout },
      "-w",
    );
  }
});

compare("sort", "sort", (run) => {
  const flags: [string, string][] = [["reverse=true", "-r"], ["numeric=true", "-n"], ["unique=true", "-u"]];
  const keys = ["1", "2", "2,2", "1,1", "2.2", "2.2,3.1", "3,2", "1.2,2.0", "4"];
  for (const input of inputs()) {
    for (let i = 0; i < 12; i++) {
      const chosen = flags.filter(() => random(2) === 0);
      const args = chosen.map(([arg]) => arg);
      const command = ["sort", ...chosen.map(([, flag]) => flag)];
      if (i > 0) {
        const key = pick(keys);
        args.push(`key=${key}`);
        command.push("-k", key);
        const separator = pick(["", ":", " "]);
        if (separator) args.push(`separator=${separator}`), command.push("-t", separator);
      }
      // GNU sort 9.1 takes the byte 0x80 in numbers for a separator of thousands.
      if (command.includes("-n") && input.includes(0x80)) continue;
      same(run(args, input), native(command, input), command.join(" "));
    }
  }
});

function isUtf8(input: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(input);
    return true;
  } catch {
    return false;
  }
}

compare("grep", "grep", (run) => {
  const flags: [string, string][] = [
    ["insensitive=true", "-i"],
    ["invert=true", "-v"],
    ["count=true", "-c"],
    [
      "numbers=true",
      "-n",
    ],
  ];
  const patterns = [
    "a",
    "^$",
    "x*",
    "b|1",
    "^[0-9]",
    "9.*l",
    "a.$",
    "[^a]",
    "\\.5",
    "l{1}p",
    "^.{3}$",
    "(a|b)+e",
  ];
  for (const input of inputs()) {
    for (const pattern of patterns) {
      const chosen = flags.filter(() => random(3) === 0);
      const command = ["grep", "-aE", ...chosen.map(([, flag]) => flag), "-e", pattern];
      // GNU grep 3.8 prints no count where nothing can be left.
      if (pattern === "x*" && command.includes("-v")) continue;
      // With -i it takes some bytes that are no UTF-8 for characters: `[^a]` finds one in FA AF A9, without -i none.
      if (command.includes("-i") && !isUtf8(input)) continue;
      const args = [`pattern=${pattern}`, ...chosen.map(([arg]) => arg)];
      same(run(args, input), native(command, input, "C.UTF-8"), command.join(" "));
    }
  }
});

compare("gzip", "gunzip", (run) => {
  for (const input of inputs()) {
    for (const level of [1, 6, 9]) {
      const { exitCode, stdout } = native(["gunzip"], run([`level=${level}`], input).stdout);
      equal(exitCode, 0);
      equal(Buffer.compare(stdout, input), 0, `level ${level}`);
    }
  }
});

compare("gunzip", "gunzip", (run) => {
  for (const input of inputs()) {
    const whole = new Uint8Array(gzipSync(input, { level: 1 + random(9) }));
    const damaged = Array.from({ length: 8 }, () => {
      const copy = whole.slice();
      copy[random(copy.length)] ^= 1 << random(8);
      return copy;
    });
    const ends = [
      [],
      whole,
      new Uint8Array(700),
      bytes("junk"),
      [0x1f],
      [0x1f, 0x8b],
      [0, 0, 1],
      whole.subarray(0, 9),
    ];
    const cut = [whole.subarray(0, random(whole.length)), whole.subarray(0, -1)];
    for (const data of [...ends.map((end) => Uint8Array.from([...whole, ...end])), ...damaged, ...cut]) {
      const [came, expected] = [run([], data), native(["gunzip"], data)];
      equal(
        came.exitCode !== 0,
        expected.exitCode !== 0,
        `${Buffer.from(data.subarray(0, 40)).toString("hex")}`,
      );
      if (came.exitCode === 0) same(came, expected, "");
    }
  }
});

const JQ_FILTERS = [
  ".",
  "tojson",
  "[paths]",
  "[..|numbers]|sort",
  "[tostream]",
  "fromstream(tostream)",
  '[..|tostring]|join(",")',
  'walk(if type=="string" then ascii_upcase else . end)',
  "del(..|select(. == null))",
  "[leaf_paths as $p | {p:$p, v:getpath($p)}]",
  "reduce (tostream|select(length==2)) as $e (null; setpath($e[0];$e[1]))",
  "(..|numbers) |= -.",
  "{} | .a.b[2].c = 1 | .d += 2 | .e.f |= 3",
  'if type=="object" then with_entries(.value |= [.]) else . end',
  "[..|strings|@json,@html,@uri,@base64]",
  '[..|arrays|length, "\\(.)"]',
];

/** Any JSON. Numbers as JavaScript writes them are those that a double holds. */
function json(depth = 0): unknown {
  const kind = random(depth > 3 ? 5 : 9);
  if (kind < 2) return pick([null, true, false]);
  if (kind === 2) return random(U32) - U32 / 2;
  if (kind === 3) return (random(U32) - U32 / 2) * 10 ** (random(40) - 25);
  if (kind === 4) {
    return Array.from({ length: random(10) }, () => pick([...'abc "\\\n\té😀/\u007f\u0001'])).join("");
  }
  const items = Array.from({ length: random(5) }, () => json(depth + 1));
  if (kind < 7) return items;
  return Object.fromEntries(items.map((item) => [pick(["a", "b", "é", "", "c d"]), item]));
}

compare("jq", "jq", (run) => {
  const input = bytes(Array.from({ length: 300 }, () => JSON.stringify(json())).join("\n"));
  for (const filter of JQ_FILTERS) {
    same(run([`filter=${filter}`, "compact=true"], input), native(["jq", "-c", filter], input), filter);
  }
  const flags: [string, string][] = [["raw=true", "-r"], ["slurp=true", "-s"], ["sort=true", "-S"]];
  for (const [arg, flag] of flags) same(run([arg], input), native(["jq", flag, "."], input), flag);
  deepEqual(run(["filter=.a"], bytes("1")).exitCode !== 0, native(["jq", ".a"], bytes("1")).exitCode !== 0);
});
