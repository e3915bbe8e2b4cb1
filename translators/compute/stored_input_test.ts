import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import { type Call, type FileServer, O, S } from "../../9p/mod.ts";
import { mem } from "../../servers/mem/mod.ts";
import { HashJobs } from "./hash_jobs.ts";
import { concatenated, type Input, UNWANTED } from "./input.ts";
import { KnownHashes, openStored } from "./stored_input.ts";

const MIB = 1024 * 1024;
const LONG = 3 * MIB;

const never = new AbortController().signal;
const call = (signal = never): Call => ({
  user: { name: "owner", groups: new Set(), standing: "owner" },
  signal,
});

const sleep = (ms: number) => new Promise((wake) => setTimeout(wake, ms));
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** A file in memory that was written a while ago, and how much of it has been read. */
async function stored(size: number) {
  const tree = mem() as unknown as FileServer<object, unknown>;
  let bytesRead = 0;
  let opened = 0;
  const server: FileServer<object, unknown> = {
    ...tree,
    open(node, flags, call) {
      opened++;
      return tree.open?.(node, flags, call);
    },
    close(node, handle, call) {
      opened--;
      return tree.close?.(node, handle, call);
    },
    read(node, handle, offset, into, call) {
      const count = tree.read!(node, handle, offset, into, call);
      if (typeof count === "number") bytesRead += count;
      return count;
    },
  };
  const root = await server.attach("", call());
  const made = await server.create!(
    root,
    "file",
    { mode: S.IFREG | 0o644, uid: "owner" },
    O.RDWR,
    call(),
  );
  const contents = new Uint8Array(size).map((_, i) => i >> 10);
  const write = (at: number, bytes: Uint8Array) => server.write!(made.node, made.handle, at, bytes, call());
  await write(0, contents);
  await sleep(30);
  const known = new KnownHashes();
  const jobs = new HashJobs();
  return {
    contents,
    write,
    date: (sec: number) => server.setattr!(made.node, { mtime: { sec, nsec: 0 } }, made.handle, call()),
    get bytesRead() {
      return bytesRead;
    },
    get opened() {
      return opened;
    },
    open: (signal = never, start = true, bytesMax = Infinity, pins = { bytesLeft: MIB }) =>
      openStored({
        server,
        node: made.node,
        path: "/file",
        known,
        jobs,
        call: call(signal),
        start,
        pins,
        bytesMax,
      }),
  };
}

/** As a run reads its input. */
async function readAll(input: Input, until = input.size): Promise<Uint8Array> {
  const bytes = new Uint8Array(until);
  for (let at = 0; at < until;) {
    const count = await input.read(at, bytes.subarray(at, Math.min(until, at + 100_000)));
    ok(count > 0);
    at += count;
  }
  return bytes;
}

Deno.test("A stored input that was another while it was read is ESTALE, also where it is the same again", async () => {
  const file = await stored(LONG);
  // Its hash is known: nothing is read for the second open.
  for (let i = 0; i < 2; i++) (await file.open())!.close();
  const input = (await file.open())!;
  await file.write(2 * MIB, new Uint8Array([99]));
  await readAll(input);
  await file.write(2 * MIB, file.contents.subarray(2 * MIB, 2 * MIB + 1));
  await rejects(async () => await input.verify(), { code: "ESTALE" });
  input.close();
});

Deno.test("A stored input may grow while it is read, and is read once more only for its hash", async () => {
  const file = await stored(LONG);
  const input = (await file.open())!;
  strictEqual(file.bytesRead, LONG);
  await file.write(LONG, new Uint8Array([1, 2, 3]));
  deepStrictEqual(sha256(await readAll(input)), sha256(file.contents));
  await input.verify();
  strictEqual(file.bytesRead, 2 * LONG);
  input.close();
});

Deno.test("A stored input that is read in part is compared with the rest where the file has changed", async () => {
  const file = await stored(LONG);
  for (const change of [undefined, () => file.write(LONG, new Uint8Array([1]))]) {
    const input = (await file.open())!;
    await readAll(input, MIB);
    await change?.();
    await input.verify();
    input.close();
  }
  await sleep(30);
  const input = (await file.open())!;
  await file.write(10, new Uint8Array([99]));
  await readAll(input, MIB);
  await file.write(10, file.contents.subarray(10, 11));
  await rejects(async () => await input.verify(), { code: "ESTALE" });
  input.close();
});

Deno.test("A stored input that is read out of order must not have changed", async () => {
  const file = await stored(LONG);
  for (const isChanged of [false, true]) {
    const input = (await file.open())!;
    await input.read(MIB, new Uint8Array(10));
    if (!isChanged) await input.verify();
    else {
      await file.write(LONG, new Uint8Array([1]));
      await rejects(async () => await input.verify(), { code: "ESTALE" });
    }
    input.close();
  }
});

Deno.test("A stored input that a run begins to read once more counts from there", async () => {
  const file = await stored(LONG);
  const input = (await file.open())!;
  await readAll(input, MIB);
  await readAll(input);
  await input.verify();
  input.close();
});

Deno.test("A short stored input is what it was when it was opened, among long ones as well", async () => {
  const [short, long] = [await stored(1000), await stored(LONG)];
  const inputs = [(await short.open())!, (await long.open())!];
  await short.write(0, new Uint8Array(10).fill(99));
  const { read } = await concatenated(inputs);
  const into = new Uint8Array(1000);
  strictEqual(await read(0, into), 1000);
  deepStrictEqual(into, short.contents);
  for (const input of inputs) input.close();
});

Deno.test("A long stored input is read once for all who open it at the same time", async () => {
  const file = await stored(LONG);
  const inputs = await Promise.all(Array.from({ length: 20 }, () => file.open()));
  strictEqual(file.bytesRead, LONG);
  for (const input of inputs) {
    strictEqual(input!.hash, sha256(file.contents));
    input!.close();
  }
});

Deno.test("A long stored input that may have changed unseen is read anew for who comes when it is read", async () => {
  const file = await stored(LONG);
  await file.date(Math.floor(Date.now() / 1000) + 100);
  const first = file.open();
  // Its first piece is read, and not yet all of it.
  while (file.bytesRead === 0) await new Promise((next) => setImmediate(next));
  const inputs = await Promise.all([first, file.open(), file.open()]);
  strictEqual(new Set(inputs.map((input) => input!.hash)).size, 1);
  strictEqual(file.bytesRead, 2 * LONG);
  for (const input of inputs) input!.close();
});

Deno.test("A long stored input is read on for who is left, and no longer than anybody waits", async () => {
  const file = await stored(8 * MIB);
  const [one, other] = [new AbortController(), new AbortController()];
  const opens = [file.open(one.signal), file.open(other.signal)] as Promise<Input>[];
  const given = rejects(opens[0], { code: "EINTR" });
  await new Promise((next) => setTimeout(next, 1));
  one.abort(UNWANTED);
  await given;
  const input = await opens[1];
  strictEqual(input.hash, sha256(file.contents));
  strictEqual(file.bytesRead, 8 * MIB);
  input.close();

  await file.write(0, new Uint8Array([1]));
  const third = new AbortController();
  const open = file.open(third.signal) as Promise<Input>;
  third.abort(UNWANTED);
  await rejects(open, { code: "EINTR" });
  await sleep(20);
  strictEqual(file.bytesRead, 8 * MIB);
});

Deno.test("A long stored input is not read by who starts nothing", async () => {
  const file = await stored(LONG);
  strictEqual(await file.open(never, false), undefined);
  strictEqual(file.bytesRead, 0);
  (await file.open())!.close();
  // Now it is known.
  const input = (await file.open(never, false))!;
  strictEqual(input.hash, sha256(file.contents));
  input.close();
});

Deno.test("A long stored input that has just changed is remembered all the same", async () => {
  const file = await stored(LONG);
  await file.write(0, new Uint8Array([1]));
  for (let i = 0; i < 2; i++) (await file.open())!.close();
  strictEqual(file.bytesRead, LONG);
});

Deno.test("A short stored input is closed as soon as it is in memory, as far as memory is left", async () => {
  const file = await stored(1000);
  await file.date(Math.floor(Date.now() / 1000) + 100);
  const pins = { bytesLeft: 1500 };
  const inputs = [];
  for (const opened of [0, 1]) {
    inputs.push((await file.open(never, true, Infinity, pins))!);
    strictEqual(file.opened, opened);
  }
  await file.write(0, new Uint8Array([99]));
  const [pinned, other] = inputs;
  deepStrictEqual(await readAll(pinned), file.contents);
  await pinned.verify();
  await readAll(other);
  await rejects(async () => await other.verify(), { code: "ESTALE" });
  for (const input of inputs) input.close();
  strictEqual(file.opened, 0);
});

Deno.test("A stored input that is longer than allowed is not read", async () => {
  const file = await stored(1000);
  await rejects(async () => await file.open(never, true, 999), { code: "EFBIG" });
  strictEqual(file.bytesRead, 0);
  strictEqual(file.opened, 0);
});
