import { createHash } from "node:crypto";
import { type FileServer, NineError, O, S } from "../../9p/mod.ts";
import { call } from "../../servers/volume/_fixture.ts";
import { HISTORY_XATTR, snapshots, volume, withDifferences } from "../../servers/volume/mod.ts";
import type { VolumeStore } from "../../state/volume/mod.ts";

/** What a volume says, by what was asked: one line an answer, or the error. */
export type Answers = Map<string, string | NineError>;

const OWNED = { uid: "me", gid: "us" };
const STEP = 100_000;

/** Asks a volume for all that it has: tree, attributes, contents, history, snapshots and what differs between them. */
export async function ask(store: VolumeStore): Promise<Answers> {
  const answers: Answers = new Map();
  const current = volume(store, { name: "volume" });
  const past = withDifferences(snapshots(store, OWNED), store, OWNED);
  await tree(answers, "", current as unknown as Server, true);
  await tree(answers, "/snap", past as unknown as Server, false);
  for (const pair of ["one/two", "two/before", "one/@now"]) {
    await answer(answers, `/snap/@diff/${pair}`, async () => {
      let node = past.attach("", call);
      for (const name of ["@diff", ...pair.split("/")]) node = await past.walk(await node, name, call);
      return await contents(past as unknown as Server, await node);
    });
  }
  return answers;
}

type Server = Required<FileServer<object, unknown>>;

async function tree(answers: Answers, path: string, server: Server, isNow: boolean): Promise<void> {
  await directory(answers, path, server, await server.attach("", call), isNow);
}

async function directory(
  answers: Answers,
  path: string,
  server: Server,
  dir: object,
  isNow: boolean,
): Promise<void> {
  const names: string[] = [];
  await answer(answers, `list ${path}`, async () => {
    const handle = await server.open(dir, O.RDONLY, call);
    for (let cookie: number | bigint = 0;;) {
      const page = await server.list(dir, handle, cookie as never, 50, true, call);
      if (page.length === 0) break;
      for (const { name, mode, qid, attr } of page) {
        names.push(name);
        answers.set(`listed ${path}/${name}`, text({ mode, type: qid.type, ...attr, qid: undefined }));
      }
      cookie = page[page.length - 1].cookie as number;
    }
    return names.join();
  });
  for (const name of names) {
    const at = `${path}/${name}`;
    let node: object | undefined;
    await answer(answers, `walk ${at}`, async () => {
      node = await server.walk(dir, name, call);
      return "there";
    });
    if (node === undefined) continue;
    const found = node;
    let type = 0;
    await answer(answers, `stat ${at}`, async () => {
      const { qid: _, ...rest } = await server.getattr(found, undefined, call);
      type = rest.mode & S.IFMT;
      return text(rest);
    });
    if (type === S.IFDIR) await directory(answers, at, server, found, isNow);
    if (type === S.IFREG) await answer(answers, `read ${at}`, () => contents(server, found));
    if (type === S.IFLNK) {
      await answer(answers, `link ${at}`, async () => await server.readlink(found, call));
    }
    await answer(answers, `attributes ${at}`, async () => {
      const values: string[] = [];
      for (const attribute of (await server.listxattr(found, call)).sort()) {
        values.push(`${attribute}=${hash(await server.getxattr(found, attribute, call))}`);
      }
      return values.join();
    });
    if (isNow && type === S.IFREG) {
      await answer(
        answers,
        `history ${at}`,
        async () =>
          // What is applied again may come into another record, of a second later.
          new TextDecoder().decode(await server.getxattr(found, HISTORY_XATTR, call))
            .replaceAll(/"time":"[^"]*"/g, ""),
      );
    }
  }
}

async function answer(answers: Answers, question: string, ask: () => Promise<string>): Promise<void> {
  try {
    answers.set(question, await ask());
  } catch (thrown) {
    if (!(thrown instanceof NineError)) {
      throw new Error(`${question}: no error of this program`, { cause: thrown });
    }
    answers.set(question, thrown);
  }
}

async function contents(server: Server, node: object): Promise<string> {
  const handle = await server.open(node, O.RDONLY, call);
  const hash = createHash("sha256");
  const into = new Uint8Array(STEP);
  for (let at = 0;;) {
    const count = await server.read(node, handle, at, into, call) as number;
    if (count === 0) return `${at} ${hash.digest("hex")}`;
    hash.update(into.subarray(0, count));
    at += count;
  }
}

const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);
const text = (value: unknown) => JSON.stringify(value);
