import assert from "node:assert/strict";
import { type Call, type FileServer, NineError, O, S, type User } from "../9p/mod.ts";
import { mem } from "../servers/mem/mod.ts";
import { type ChangeEvent, Namespace } from "./mod.ts";

const OWNER: User = { name: "owner", groups: new Set(["owner"]), standing: "owner" };
const call = (user: User = OWNER): Call => ({ user, signal: new AbortController().signal });
const claimed = (name: string, ...groups: string[]): Call =>
  call({ name, groups: new Set(groups), standing: "claimed" });

type Server = FileServer<object>;
const tree = (): Server => mem({ mode: 0o777 }) as Server;

async function touch(ns: Namespace, path: string, text = "", by: Call = call()): Promise<void> {
  const at = path.lastIndexOf("/");
  const dir = await ns.walkPath(path.slice(0, at) || "/", by);
  const what = { mode: S.IFREG | 0o644, uid: by.user.name };
  const { node, handle } = await ns.server.create!(dir, path.slice(at + 1), what, O.RDWR, by);
  await ns.server.write!(node, handle, 0, new TextEncoder().encode(text), by);
  await ns.server.close!(node, handle, by);
}

async function mkdir(ns: Namespace, path: string, mode = 0o755, by: Call = call()): Promise<void> {
  const at = path.lastIndexOf("/");
  const dir = await ns.walkPath(path.slice(0, at) || "/", by);
  await ns.server.make!(dir, path.slice(at + 1), { mode: S.IFDIR | mode, uid: by.user.name }, by);
}

async function names(ns: Namespace, path: string, by: Call = call()): Promise<string[]> {
  const dir = await ns.walkPath(path, call());
  const handle = await ns.server.open!(dir, O.RDONLY, by);
  const found: string[] = [];
  for (let cookie: number | bigint = 0;;) {
    const entries = await ns.server.list!(dir, handle, cookie, 2, false, call());
    if (entries.length === 0) return found;
    found.push(...entries.map(({ name }) => name));
    cookie = entries.at(-1)!.cookie;
  }
}

async function text(ns: Namespace, path: string): Promise<string> {
  const node = await ns.walkPath(path, call());
  const handle = await ns.server.open!(node, O.RDONLY, call());
  const into = new Uint8Array(100);
  const count = await ns.server.read!(node, handle, 0, into, call());
  return new TextDecoder().decode(into.subarray(0, count as number));
}

const fails = (errno: number) => (thrown: unknown) => thrown instanceof NineError && thrown.errno === errno;

Deno.test("Namespace: a server is mounted below a path that nothing serves, and the way there can be listed", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  await ns.mount(tree(), "/a/b", call(), { label: "mem" });
  await touch(ns, "/a/b/file", "hello");
  assert.deepEqual(await names(ns, "/"), ["a"]);
  assert.deepEqual(await names(ns, "/a"), ["b"]);
  assert.equal(await text(ns, "/a/b/file"), "hello");
  assert.equal(ns.path(await ns.walkPath("/a/b/file", call())), "/a/b/file");
  assert.equal(ns.path(await ns.walkPath("/a/b/../../a", call())), "/a");
});

Deno.test("Namespace: a union looks names up in order, and hides a name that an earlier member has", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  await ns.mount(tree(), "/one", call(), { label: "one" });
  await ns.mount(tree(), "/two", call(), { label: "two" });
  await touch(ns, "/one/both", "1");
  await touch(ns, "/two/both", "2");
  await touch(ns, "/two/only", "2");
  await ns.bind("/two", "/one", call(), { order: "after", label: "/two" });
  assert.equal(await text(ns, "/one/both"), "1");
  assert.equal(await text(ns, "/one/only"), "2");
  assert.deepEqual(await names(ns, "/one"), ["both", "only"]);
  ns.unmount("/one", call(), "/two");
  assert.deepEqual(await names(ns, "/one"), ["both"]);
});

Deno.test("Namespace: new names in a union go to the member marked for it", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  await ns.mount(tree(), "/one", call(), { label: "one" });
  await ns.mount(tree(), "/two", call(), { label: "two" });
  await ns.mount(tree(), "/u", call(), { label: "empty", create: false });
  await assert.rejects(() => touch(ns, "/u/none"), fails(30));
  await ns.bind("/two", "/u", call(), { order: "after", create: true, label: "/two" });
  await touch(ns, "/u/new", "x");
  assert.equal(await text(ns, "/two/new"), "x");
});

Deno.test("Namespace: a rename from one server to another is EXDEV, and a mount point is EBUSY", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  await ns.mount(tree(), "/one", call(), { label: "one" });
  await ns.mount(tree(), "/two", call(), { label: "two" });
  await mkdir(ns, "/one/dir");
  await ns.mount(tree(), "/one/dir/deep", call(), { label: "deep" });
  await touch(ns, "/one/file");
  const [one, two] = [await ns.walkPath("/one", call()), await ns.walkPath("/two", call())];
  const rename = async (path: string) =>
    ns.server.rename!(await ns.walkPath(path, call()), two, "x", false, call());
  await assert.rejects(() => rename("/one/file"), fails(18));
  await assert.rejects(() => rename("/one/dir"), fails(16));
  await assert.rejects(async () => await ns.server.remove!(one, call()), fails(16));
  assert.deepEqual((await names(ns, "/one/dir")).sort(), ["deep"]);
});

Deno.test("Namespace: qids of different servers differ, and one file has one qid by every path", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  await ns.mount(tree(), "/one", call(), { label: "one" });
  await ns.mount(tree(), "/two", call(), { label: "two" });
  await touch(ns, "/one/f");
  await touch(ns, "/two/f");
  await ns.bind("/one", "/three", call(), { label: "/one" });
  const path = async (at: string) => ns.server.qid(await ns.walkPath(at, call())).path;
  assert.notEqual(await path("/one/f"), await path("/two/f"));
  assert.equal(await path("/one/f"), await path("/three/f"));
  assert.ok(await path("/one/f") < 2 ** 53);
});

Deno.test("Namespace: .. leads back along the path that was bound, also from below a mount inside a mount", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  await ns.mount(tree(), "/data", call(), { label: "data" });
  await mkdir(ns, "/data/x");
  await mkdir(ns, "/data/x/y");
  await ns.bind("/data/x", "/z", call(), { label: "/data/x" });
  await ns.mount(tree(), "/data/x/m", call(), { label: "m" });
  const up = async (path: string) => ns.path(ns.server.parent(await ns.walkPath(path, call())));
  assert.equal(await up("/z/y"), "/z");
  assert.equal(await up("/z"), "/");
  assert.equal(await up("/data/x/y"), "/data/x");
  assert.equal(await up("/data/x/m"), "/data/x");
  assert.deepEqual((await names(ns, "/data/x")).sort(), ["m", "y"]);
});

Deno.test("Namespace: permission bits hold for a claimed user, in every class", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  await ns.mount(tree(), "/d", call(), { label: "d" });
  await touch(ns, "/d/file", "secret", claimed("alice", "staff"));
  const node = await ns.walkPath("/d/file", call());
  const open = (by: Call, flags: number) => async () => await ns.server.open!(node, flags, by);
  const chmod = async (mode: number) =>
    await ns.server.setattr!(node, { mode }, undefined, claimed("alice", "staff"));
  await chmod(0o640);
  await open(claimed("alice"), O.RDWR)();
  await open(claimed("bob", "staff"), O.RDONLY)();
  await assert.rejects(open(claimed("bob", "staff"), O.RDWR), fails(13));
  await assert.rejects(open(claimed("eve"), O.RDONLY), fails(13));
  await chmod(0o066);
  await assert.rejects(open(claimed("alice"), O.RDONLY), fails(13));
  await assert.rejects(
    async () => await ns.server.setattr!(node, { mode: 0 }, undefined, claimed("bob")),
    fails(1),
  );
  await assert.rejects(
    async () => await ns.server.setattr!(node, { uid: "bob" }, undefined, claimed("alice")),
    fails(1),
  );
});

Deno.test("Namespace: in a sticky directory only owners remove, and none never writes", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  await ns.mount(tree(), "/d", call(), { label: "d" });
  await mkdir(ns, "/d/tmp", 0o1777);
  await touch(ns, "/d/tmp/f", "", claimed("alice"));
  const node = await ns.walkPath("/d/tmp/f", call());
  await assert.rejects(async () => await ns.server.remove!(node, claimed("bob")), fails(1));
  const none = call({ name: "none", groups: new Set(), standing: "none" });
  await assert.rejects(() => touch(ns, "/d/tmp/g", "", none), fails(13));
  await ns.server.remove!(node, claimed("alice"));
});

Deno.test("Namespace: tells of each change that was made through it, by path and user", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  await ns.mount(tree(), "/d", call(), { label: "d" });
  const seen: ChangeEvent[] = [];
  const stop = ns.events.listen((event) => seen.push(event));
  await touch(ns, "/d/f", "x", claimed("alice"));
  const node = await ns.walkPath("/d/f", call());
  await ns.server.rename!(node, await ns.walkPath("/d", call()), "g", false, call());
  await ns.server.remove!(node, call());
  stop();
  await touch(ns, "/d/unseen");
  assert.deepEqual(seen, [
    { event: "create", path: "/d/f", user: "alice" },
    { event: "write", path: "/d/f", user: "alice" },
    { event: "rename", path: "/d/g", user: "owner", from: "/d/f" },
    { event: "remove", path: "/d/g", user: "owner" },
  ]);
});

Deno.test("Namespace: what a server does not tell at once of its permissions, no stranger hears of, and it is asked once", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  const server = tree();
  let asked = 0;
  const slow: Server = {
    ...server,
    async getattr(node, handle, by) {
      asked++;
      return await server.getattr(node, handle, by);
    },
  };
  await ns.mount(slow, "/slow", call(), { label: "slow" });
  await ns.mount(tree(), "/quick", call(), { label: "quick" });
  const stranger = claimed("bob").user;
  const seen: (string | undefined)[] = [];
  const stop = ns.events.listen((_event, view) => seen.push(view(stranger)?.path));
  for (let i = 0; i < 10; i++) await mkdir(ns, `/slow/d${i}`);
  assert.deepEqual(seen.splice(0), Array(10).fill(undefined));
  assert.equal(asked, 1);
  await mkdir(ns, "/quick/d");
  await mkdir(ns, "/quick/d/e", 0o700);
  await mkdir(ns, "/quick/d/e/f");
  await mkdir(ns, `/quick/d/e/f/g`);
  assert.deepEqual(seen.splice(0), ["/quick/d", "/quick/d/e", undefined, undefined]);
  ns.unmount("/quick", call());
  assert.deepEqual(seen.splice(0), ["/quick"]);
  stop();
});

Deno.test("Namespace: says when a server is mounted nowhere any more, and not before", async () => {
  const unused: Server[] = [];
  const ns = new Namespace({ uid: "owner", gid: "owner" }, (server) => unused.push(server));
  const server = tree();
  await ns.mount(server, "/a", call(), { label: "a" });
  await ns.bind("/a", "/b", call(), { label: "/a" });
  ns.unmount("/a", call());
  assert.deepEqual(unused, []);
  ns.unmount("/b", call());
  assert.deepEqual(unused, [server]);
});

/** /u of /open, where everybody writes, /kept, where new names go, and /shut, which is closed to others than the owner. */
async function unequalUnion(): Promise<Namespace> {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  for (const [name, mode] of [["open", 0o777], ["kept", 0o755], ["shut", 0o700]] as const) {
    const server = mem({ mode, uid: "owner" }) as Server;
    await ns.mount(server, `/${name}`, call(), { label: name });
    await touch(ns, `/${name}/of-${name}`);
    const order = name === "open" ? "replace" : "after";
    await ns.bind(`/${name}`, "/u", call(), { order, create: name === "kept", label: `/${name}` });
  }
  return ns;
}

Deno.test("Namespace: in a union each member is asked for its own permissions", async () => {
  const ns = await unequalUnion();
  const alice = claimed("alice");
  await touch(ns, "/open/hers", "", alice);
  const u = await ns.walkPath("/u", call());
  const walk = async (name: string) => await ns.server.walk(u, name, alice);
  const rename = async (name: string, to: string) =>
    await ns.server.rename!(await walk(name), u, to, false, alice);

  assert.deepEqual(await names(ns, "/u", alice), ["of-open", "hers", "of-kept"]);
  await walk("of-kept");
  await assert.rejects(() => walk("of-shut"), fails(13));
  await assert.rejects(() => walk("of-none"), fails(13), "it may be in the one that she may not look into");
  await assert.rejects(() => touch(ns, "/u/new", "", alice), fails(13));
  await assert.rejects(() => mkdir(ns, "/u/new", 0o755, alice), fails(13));
  const kept = await walk("of-kept");
  await assert.rejects(async () => await ns.server.remove!(kept, alice), fails(13));
  await assert.rejects(async () => await ns.server.removable!(kept, alice), fails(13));
  await assert.rejects(() => rename("of-kept", "new"), fails(13));
  await assert.rejects(async () => await ns.server.link!(kept, u, "new", alice), fails(13));
  // What she would replace is in another member, and stays.
  await rename("hers", "of-kept");
  assert.deepEqual((await names(ns, "/open")).sort(), ["of-kept", "of-open"]);
  assert.deepEqual(await names(ns, "/kept"), ["of-kept"]);
  await ns.server.remove!(await walk("of-kept"), alice);
  assert.deepEqual(await names(ns, "/kept"), ["of-kept"]);
});

Deno.test("Namespace: a union that refuses with every member refuses, also the way to what is mounted in it", async () => {
  const ns = await unequalUnion();
  await ns.bind("/shut", "/v", call(), { label: "/shut" });
  await ns.mount(mem({ mode: 0o700 }) as Server, "/v", call(), { order: "after", label: "closed" });
  await ns.mount(tree(), "/v/mounted", call(), { label: "mounted" });
  await ns.mount(tree(), "/u/mounted", call(), { label: "mounted" });
  await mkdir(ns, "/shut/way");
  await ns.mount(tree(), "/u/way/mounted", call(), { label: "mounted" });
  const walk = async (dir: string, name: string) =>
    await ns.server.walk(await ns.walkPath(dir, call()), name, claimed("bob"));
  await assert.rejects(() => names(ns, "/v", claimed("bob")), fails(13));
  await assert.rejects(() => walk("/v", "mounted"), fails(13));
  await walk("/u", "mounted");
  await assert.rejects(() => walk("/u", "way"), fails(13), "what is there is in /shut");
  await assert.rejects(async () => await ns.server.attach("/v/mounted", claimed("bob")), fails(13));
  await assert.rejects(async () => await ns.server.attach("/v/..", claimed("bob")), fails(13));
  await ns.server.attach("/u/mounted", claimed("bob"));
});

Deno.test("Namespace: of changes in a union those hear who may list the member where they are", async () => {
  const ns = await unequalUnion();
  const bob = claimed("bob").user;
  const seen: (string | undefined)[] = [];
  const stop = ns.events.listen((_event, view) => seen.push(view(bob)?.path));
  await mkdir(ns, "/u/dir");
  const [kept, shut] = [await ns.walkPath("/u/of-kept", call()), await ns.walkPath("/u/of-shut", call())];
  for (const node of [kept, shut]) {
    await ns.server.setattr!(node, { mode: 0o640 }, undefined, call());
    await ns.server.rename!(
      node,
      await ns.walkPath("/u", call()),
      `renamed-${ns.server.name(node)}`,
      false,
      call(),
    );
    await ns.server.remove!(node, call());
  }
  stop();
  assert.deepEqual(seen, [
    "/u/dir",
    "/u/of-kept",
    "/u/renamed-of-kept",
    "/u/renamed-of-kept",
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("Namespace: a file that is moved out of what was bound has a path, and .. of it ends", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  await ns.mount(tree(), "/data", call(), { label: "data" });
  await mkdir(ns, "/data/x");
  await touch(ns, "/data/x/f");
  await ns.bind("/data/x", "/z", call(), { label: "/data/x" });
  const node = await ns.walkPath("/z/f", call());
  const [from, to] = [await ns.walkPath("/data/x/f", call()), await ns.walkPath("/data", call())];
  await ns.server.rename!(from, to, "f", false, call());
  let at = node;
  for (let depth = 0; depth < 4; depth++) at = ns.server.parent(at);
  assert.equal(at, ns.server.parent(at));
  assert.equal(ns.path(node), "/z/f");
});

Deno.test("Namespace: an open union that is listed again and again gives the same cookies, and shows what has changed", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  for (const name of ["one", "two"]) {
    await ns.mount(tree(), `/${name}`, call(), { label: name });
    await touch(ns, `/${name}/both`);
    await touch(ns, `/${name}/of-${name}`);
  }
  await ns.bind("/one", "/u", call(), { label: "/one" });
  await ns.bind("/two", "/u", call(), { order: "after", label: "/two" });
  await ns.mount(tree(), "/u/mounted", call(), { label: "mounted" });
  const dir = await ns.walkPath("/u", call());
  const handle = await ns.server.open!(dir, O.RDONLY, call());
  const list = async (from: number | bigint) => {
    const found: [name: string, cookie: number | bigint][] = [];
    for (let cookie = from;;) {
      const entries = await ns.server.list!(dir, handle, cookie, 1, false, call());
      if (entries.length === 0) return found;
      found.push(...entries.map(({ name, cookie }) => [name, cookie] as [string, number | bigint]));
      cookie = entries.at(-1)!.cookie;
    }
  };
  const first = await list(0);
  assert.deepEqual(first.map(([name]) => name), ["mounted", "both", "of-one", "of-two"]);
  for (let i = 0; i < 3; i++) assert.deepEqual(await list(0), first);
  assert.deepEqual(await list(first[1][1]), first.slice(2));
  await ns.server.remove!(await ns.walkPath("/one/both", call()), call());
  assert.deepEqual((await list(0)).map(([name]) => name), ["mounted", "of-one", "both", "of-two"]);
});

Deno.test("Namespace: a listing misses no mounted name when another is unmounted or mounted meanwhile (R29)", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  const mount = (name: string) => ns.mount(tree(), `/u/${name}`, call(), { label: name });
  for (const name of ["a", "b", "c", "d"]) await mount(name);
  const dir = await ns.walkPath("/u", call());
  const handle = await ns.server.open!(dir, O.RDONLY, call());
  const list = async (cookie: number | bigint, max: number) =>
    await ns.server.list!(dir, handle, cookie, max, false, call());
  const begun = await list(0, 2);
  ns.unmount("/u/a", call());
  ns.unmount("/u/c", call());
  await mount("e");
  assert.deepEqual(begun.map(({ name }) => name), ["a", "b"]);
  assert.deepEqual((await list(begun[1].cookie, 9)).map(({ name }) => name), ["d", "e"]);
  assert.deepEqual((await list(0, 9)).map(({ name }) => name), ["b", "d", "e"]);
});

Deno.test("Namespace: what is open stays what was opened, whatever is bound over it, and is asked for its own permissions", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  await ns.mount(tree(), "/d", call(), { label: "d" });
  await ns.mount(tree(), "/other", call(), { label: "other" });
  await touch(ns, "/d/opened", "opened");
  await touch(ns, "/other/bound", "bound later");
  await ns.bind("/d/opened", "/file", call(), { label: "/d/opened" });
  const node = await ns.walkPath("/file", call());
  const handle = await ns.server.open!(node, O.RDWR, call());
  const before = await ns.server.getattr(node, handle, call());
  await ns.bind("/other/bound", "/file", call(), { label: "/other/bound" });

  const into = new Uint8Array(100);
  const count = await ns.server.read!(node, handle, 0, into, call()) as number;
  assert.equal(new TextDecoder().decode(into.subarray(0, count)), "opened");
  await ns.server.write!(node, handle, 0, new TextEncoder().encode("OPENED"), call());
  await ns.server.setattr!(node, { mode: 0o600 }, handle, call());
  const after = await ns.server.getattr(node, handle, call());
  assert.deepEqual([after.qid.path, after.mode & 0o777], [before.qid.path, 0o600]);
  await ns.server.setattr!(await ns.walkPath("/d/opened", call()), { uid: "alice" }, undefined, call());
  await ns.server.setattr!(node, { mode: 0o640 }, handle, claimed("alice"));
  await assert.rejects(
    async () => await ns.server.setattr!(node, { mode: 0o777 }, undefined, claimed("alice")),
    fails(1),
  );
  await ns.server.fsync!(node, handle, false, call());
  assert.equal(await text(ns, "/d/opened"), "OPENED");
  assert.equal(await text(ns, "/file"), "bound later");
});

Deno.test("Namespace: no link is made where something is mounted", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  await ns.mount(tree(), "/d", call(), { label: "d" });
  await touch(ns, "/d/f");
  await ns.mount(tree(), "/d/m", call(), { label: "m" });
  const [file, dir] = [await ns.walkPath("/d/f", call()), await ns.walkPath("/d", call())];
  await assert.rejects(async () => await ns.server.link!(file, dir, "m", call()), fails(17));
  await ns.server.link!(file, dir, "g", call());
});

Deno.test("Namespace: a union of which a member cannot be opened leaves nothing open, and what is open is held", async () => {
  const ns = new Namespace({ uid: "owner", gid: "owner" });
  let [open, held] = [0, 0];
  const server = tree();
  const counted: Server = {
    ...server,
    open(node, flags, by) {
      open++;
      return server.open!(node, flags, by);
    },
    close(node, handle, by) {
      open--;
      return server.close?.(node, handle, by);
    },
    hold: () => held++,
    drop: () => held--,
  };
  let fails = true;
  const failing: Server = {
    ...tree(),
    open: () => fails ? Promise.reject(new NineError("ENFILE", "No more files")) : undefined,
  };
  await ns.mount(counted, "/u", call(), { label: "counted" });
  await ns.mount(failing, "/u", call(), { order: "after", label: "failing" });
  const node = await ns.walkPath("/u", call());
  const before = held;
  await assert.rejects(async () => await ns.server.open!(node, O.RDONLY, call()), { code: "ENFILE" });
  assert.deepEqual([open, held], [0, before]);
  fails = false;
  const handle = await ns.server.open!(node, O.RDONLY, call());
  assert.deepEqual([open, held], [1, before + 1]);
  ns.unmount("/u", call(), "counted");
  assert.deepEqual([open, held], [1, 1], "the mount has let go of it");
  await ns.server.close!(node, handle, call());
  assert.deepEqual([open, held], [0, 0]);
});
