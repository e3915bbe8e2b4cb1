/** Who may do what on each kind of listener: DESIGN "9P and who is asking". */
import assert from "node:assert/strict";
import { Dm } from "../../9p/wire/stat.ts";
import { type Client, Setattr } from "../conformance/client.ts";
import { refuses } from "./connect.ts";
import { makeHome, TestNode } from "./node.ts";
import { asUser, NOBODY, ROOT, UNPRIVILEGED } from "./privileges.ts";
import { skipUnless } from "./skip.ts";

const ALICE = 4001;
const BOB = 4002;
const CAROL = 4003;
const TEAM = 5001;
const OTHERS = 5002;

const YAML = `
users:
  alice: {uid: ${ALICE}, groups: [team]}
  bob: {uid: ${BOB}, groups: [team, others]}
  carol: {uid: ${CAROL}, groups: [others]}
groups: {team: ${TEAM}, others: ${OTHERS}}
mounts:
  - {at: /mem, mem: {}}
`;
const LISTEN = [
  "tcp!127.0.0.1!PORT,users=trust",
  "tcp!127.0.0.1!PORT,users=none",
  "tcp!127.0.0.1!PORT,users=owner",
];
const [TRUST, NONE, OWNER] = [0, 1, 2];

const start = () => TestNode.start({ yaml: YAML, listen: LISTEN });

/** A client of a listener that claims to be that user. */
function claim(node: TestNode, listener: number, nUname: number): Promise<Client> {
  return node.connect({ address: node.address(listener), nUname, uname: "claimed" });
}

async function owns(
  client: Client,
  dir: number,
  ...names: string[]
): Promise<readonly [uid: number, gid: number]> {
  const fid = await client.walk(dir, ...names);
  const { uid, gid } = await client.getattr(fid);
  await client.clunk(fid);
  return [uid, gid];
}

/** Makes a file as Linux does, which says in which group. */
async function put(client: Client, dir: number, name: string, gid: number, perm = 0o644): Promise<void> {
  const fid = await client.walk(dir);
  try {
    await client.rpc("Tlcreate", { fid, name, flags: 0o102, mode: perm, gid });
    await client.write(fid, 0, `by ${name}`);
  } finally {
    await client.clunk(fid);
  }
}

async function changeOwner(
  client: Client,
  fid: number,
  change: { uid?: number; gid?: number },
): Promise<void> {
  const valid = (change.uid === undefined ? 0 : Setattr.UID) | (change.gid === undefined ? 0 : Setattr.GID);
  await client.setattr(fid, valid, change);
}

/** What root puts into the tree before the others come. */
async function furnish(root: Client, tree: number): Promise<void> {
  for (const [name, mode] of [["public", 0o644], ["secret", 0o600], ["grouped", 0o640]] as const) {
    await root.put(tree, name, name, mode);
    const fid = await root.walk(tree, name);
    await root.chmod(fid, mode);
    if (name === "grouped") await changeOwner(root, fid, { gid: TEAM });
  }
  await root.chmod(await root.mkdir(tree, "sticky"), 0o1777);
  const team = await root.mkdir(tree, "team");
  await changeOwner(root, team, { gid: TEAM });
  await root.chmod(team, 0o2775);
  const closed = await root.mkdir(tree, "closed");
  await root.put(closed, "file", "inside");
  await root.chmod(closed, 0o700);
}

for (const where of ["data", "mem"]) {
  Deno.test(`users=trust holds claimed users to bits and groups, on ${where === "data" ? "host" : "mem"}`, async (t) => {
    if (where === "data" && !skipUnless(t.name, ROOT)) return;
    await using node = await start();
    const [root, alice, bob, carol] = await Promise.all(
      [0, ALICE, BOB, CAROL].map((n) => claim(node, TRUST, n)),
    );
    const tree = async (client: Client) => await client.walk(client.root, where);
    const [ofRoot, ofAlice, ofBob, ofCarol] = await Promise.all([root, alice, bob, carol].map(tree));
    await furnish(root, ofRoot);
    const open = async (client: Client, dir: number, names: string[], access: "r" | "w" | "rw") => {
      await client.open(await client.walk(dir, ...names), access);
    };

    await t.step("uid 0 does everything", async () => {
      assert.equal(await root.get(ofRoot, "secret"), "secret");
      assert.equal(await root.get(ofRoot, "closed", "file"), "inside");
    });

    await t.step("reading and writing", async () => {
      assert.equal(await alice.get(ofAlice, "public"), "public");
      await refuses("EACCES", open(alice, ofAlice, ["public"], "w"));
      await refuses("EACCES", open(alice, ofAlice, ["secret"], "r"));
      assert.equal(await alice.get(ofAlice, "grouped"), "grouped");
      await refuses("EACCES", open(alice, ofAlice, ["grouped"], "rw"));
      await refuses("EACCES", open(carol, ofCarol, ["grouped"], "r"));
      await refuses("EACCES", open(alice, ofAlice, ["closed"], "r"));
      await refuses("EACCES", alice.walk(await alice.walk(ofAlice, "closed"), "file"));
      await refuses("EACCES", alice.truncate(await alice.walk(ofAlice, "public"), 0));
    });

    await t.step("creating and removing", async () => {
      await refuses("EACCES", put(alice, ofAlice, "new", TEAM));
      await refuses("EACCES", alice.mkdir(ofAlice, "new"));
      await refuses("EACCES", alice.unlink(ofAlice, "public"));
      await refuses("EACCES", alice.rename(await alice.walk(ofAlice, "public"), ofAlice, "other"));
      const sticky = await alice.walk(ofAlice, "sticky");
      await put(alice, sticky, "alices", TEAM);
      assert.deepEqual(await owns(root, ofRoot, "sticky", "alices"), [ALICE, TEAM]);
    });

    await t.step("chmod, chown and times", async () => {
      const file = await alice.walk(ofAlice, "sticky", "alices");
      const others = await bob.walk(ofBob, "sticky", "alices");
      await alice.chmod(file, 0o664);
      await refuses("EPERM", bob.chmod(others, 0o777));
      await refuses("EPERM", changeOwner(alice, file, { uid: BOB }));
      await refuses("EPERM", changeOwner(alice, file, { gid: OTHERS }));
      await refuses("EPERM", changeOwner(bob, others, { uid: BOB }));
      await changeOwner(alice, file, { gid: TEAM });
      await refuses("EPERM", bob.setattr(others, Setattr.MTIME | Setattr.MTIME_SET, { mtimeSec: 1 }));
      await bob.setattr(others, Setattr.MTIME, {});
      await bob.open(others, "w");
      assert.equal(await bob.write(others, 0, "by bob"), 6, "the group may write");
      await bob.clunk(others);
      await alice.chmod(file, 0o644);
    });

    await t.step("setgid on a file of a group that its owner is not in is dropped", async () => {
      const file = await alice.walk(ofAlice, "sticky", "alices");
      await changeOwner(root, await root.walk(ofRoot, "sticky", "alices"), { gid: OTHERS });
      await alice.chmod(file, 0o2755);
      assert.equal((await alice.getattr(file)).mode & 0o7777, 0o755);
    });

    await t.step("in a sticky directory a name is its owner's", async () => {
      const sticky = { alice: await alice.walk(ofAlice, "sticky"), bob: await bob.walk(ofBob, "sticky") };
      await refuses("EPERM", bob.unlink(sticky.bob, "alices"));
      await refuses("EPERM", bob.rename(await bob.walk(sticky.bob, "alices"), sticky.bob, "bobs"));
      await put(bob, sticky.bob, "bobs", TEAM);
      await refuses(
        "EPERM",
        bob.rename(await bob.walk(sticky.bob, "bobs"), sticky.bob, "alices"),
        "over hers",
      );
      await alice.rename(await alice.walk(sticky.alice, "alices"), sticky.alice, "renamed");
      await alice.unlink(sticky.alice, "renamed");
      await bob.unlink(sticky.bob, "bobs");
    });

    await t.step("a setgid directory gives its group and its bit", async () => {
      const team = await alice.walk(ofAlice, "team");
      // As Linux does, which asks for the directory's group.
      await alice.rpc("Tmkdir", { dfid: team, name: "below", mode: 0o755, gid: TEAM });
      const below = await alice.getattr(await alice.walk(team, "below"));
      assert.deepEqual([below.uid, below.gid, below.mode & 0o7777], [ALICE, TEAM, 0o2755]);
      await refuses("EACCES", put(carol, await carol.walk(ofCarol, "team"), "carols", OTHERS));

      // Without a word about groups, as in 9P2000.u.
      const unix = await node.connect({ address: node.address(TRUST), nUname: BOB, dialect: "9P2000.u" });
      const fid = await unix.create(await unix.walk(unix.root, where, "team"), "bobs");
      await unix.clunk(fid);
      assert.deepEqual(await owns(root, ofRoot, "team", "bobs"), [BOB, TEAM]);
      const dir = await unix.create(await unix.walk(unix.root, where, "team"), "dir", {
        perm: Dm.DIR + 0o775,
        access: "r",
      });
      await unix.clunk(dir);
      assert.equal((await root.getattr(await root.walk(ofRoot, "team", "dir"))).mode & 0o7777, 0o2775);
      unix.wire.close();
    });

    await t.step("a new file's group: a setgid directory's, else one of its owner's", async () => {
      const dirs = { alice: await alice.walk(ofAlice, "sticky"), bob: await bob.walk(ofBob, "sticky") };
      await put(alice, dirs.alice, "alices", OTHERS);
      assert.deepEqual(await owns(root, ofRoot, "sticky", "alices"), [ALICE, TEAM], "she is in team only");
      await put(bob, dirs.bob, "bobs", OTHERS);
      assert.deepEqual(await owns(root, ofRoot, "sticky", "bobs"), [BOB, OTHERS], "he is in both");
      await put(root, await root.walk(ofRoot, "sticky"), "roots", OTHERS);
      assert.deepEqual(await owns(root, ofRoot, "sticky", "roots"), [0, OTHERS], "root in all");

      const make = async (client: Client, dir: number, gid: number) => {
        await put(client, dir, "file", gid);
        await client.rpc("Tmkdir", { dfid: dir, name: "folder", mode: 0o755, gid });
        await client.rpc("Tsymlink", { fid: dir, name: "link", symtgt: "file", gid });
        const fifo = { name: "fifo", mode: 0o010644, major: 0, minor: 0, gid };
        await client.rpc("Tmknod", { dfid: dir, ...fifo });
        await client.rpc("Tmknod", { dfid: dir, ...fifo, name: "regular", mode: 0o100644 });
        for (const name of ["file", "link", "fifo", "regular"]) {
          assert.equal((await owns(client, dir, name))[1], TEAM, `${name} with group ${gid}`);
          await client.unlink(dir, name);
        }
        assert.equal((await owns(client, dir, "folder"))[1], TEAM);
        await client.rpc("Tunlinkat", { dirfd: dir, name: "folder", flags: 0x200 });
      };
      await make(alice, dirs.alice, OTHERS);
      await make(bob, await bob.walk(ofBob, "team"), OTHERS);
      await make(root, await root.walk(ofRoot, "team"), 0);
      for (const name of ["alices", "bobs", "roots"]) {
        await root.unlink(await root.walk(ofRoot, "sticky"), name);
      }
    });

    await t.step("a new file is setgid for a group only that its owner is in", async () => {
      const drop = await root.mkdir(ofRoot, "drop");
      await changeOwner(root, drop, { gid: TEAM });
      await root.chmod(drop, 0o2777);
      await put(bob, await bob.walk(ofBob, "drop"), "bobs", TEAM, 0o2755);
      await put(carol, await carol.walk(ofCarol, "drop"), "carols", TEAM, 0o2755);
      const made = async (name: string) => await root.getattr(await root.walk(ofRoot, "drop", name));
      assert.deepEqual([(await made("bobs")).gid, (await made("carols")).gid], [TEAM, TEAM]);
      // Writing takes it away again, so that only a file that nobody has written shows it.
      assert.equal((await made("carols")).mode & 0o7777, 0o755);
      await carol.rpc("Tmknod", {
        dfid: await carol.walk(ofCarol, "drop"),
        name: "node",
        mode: 0o102755,
        major: 0,
        minor: 0,
        gid: TEAM,
      });
      assert.equal((await made("node")).mode & 0o7777, 0o755);
      await bob.rpc("Tmknod", {
        dfid: await bob.walk(ofBob, "drop"),
        name: "his",
        mode: 0o102755,
        major: 0,
        minor: 0,
        gid: TEAM,
      });
      assert.equal((await made("his")).mode & 0o7777, 0o2755);
    });

    await t.step("devices are the owner's to make", async () => {
      const make = async (client: Client, dir: number, name: string, mode: number) =>
        await client.rpc("Tmknod", { dfid: dir, name, mode, major: 1, minor: 3, gid: TEAM });
      const sticky = await alice.walk(ofAlice, "sticky");
      for (const mode of [0o020666, 0o060666]) {
        await refuses("EPERM", make(alice, sticky, "device", mode));
      }
      await make(alice, sticky, "fifo", 0o010644);
      await alice.unlink(sticky, "fifo");
      if (Deno.uid() !== 0 && where === "data") return;
      await make(root, await root.walk(ofRoot, "sticky"), "device", 0o020666);
      await root.unlink(await root.walk(ofRoot, "sticky"), "device");
    });

    await t.step("a hard link is made by who owns the file, or may read and write it", async () => {
      const sticky = { alice: await alice.walk(ofAlice, "sticky"), bob: await bob.walk(ofBob, "sticky") };
      const link = async (client: Client, dir: number, fid: number, name: string) => {
        await client.rpc("Tlink", { dfid: dir, fid, name });
        await client.unlink(dir, name);
      };
      for (const name of ["public", "secret", "grouped"]) {
        const fid = await alice.walk(ofAlice, name);
        await refuses("EPERM", link(alice, sticky.alice, fid, "mine"), name);
      }
      await put(bob, sticky.bob, "bobs", TEAM, 0o660);
      const [hers, his] = [await alice.walk(sticky.alice, "bobs"), await bob.walk(sticky.bob, "bobs")];
      const made = async () => {
        await alice.rpc("Tlink", { dfid: sticky.alice, fid: hers, name: "mine" });
        await bob.unlink(sticky.bob, "mine");
      };
      await made();
      await bob.chmod(his, 0o4660);
      await refuses("EPERM", made(), "setuid");
      await bob.chmod(his, 0o2770);
      await refuses("EPERM", made(), "setgid");
      await link(bob, sticky.bob, his, "again");
      await bob.unlink(sticky.bob, "bobs");
      await bob.rpc("Tsymlink", { fid: sticky.bob, name: "link", symtgt: "x", gid: TEAM });
      const symlink = await alice.walk(sticky.alice, "link");
      await refuses("EPERM", link(alice, sticky.alice, symlink, "mine"), "no regular file");
      await bob.unlink(sticky.bob, "link");
    });

    await t.step("a directory that its maker may not read is made all the same, and is open", async () => {
      const unix = await node.connect({ address: node.address(TRUST), nUname: ALICE, dialect: "9P2000.u" });
      const sticky = await unix.walk(unix.root, where, "sticky");
      const fid = await unix.create(await unix.walk(sticky), "dark", { perm: Dm.DIR + 0o300, access: "r" });
      assert.equal((await unix.read(fid)).byteLength, 0);
      await refuses("EACCES", unix.open(await unix.walk(sticky, "dark"), "r"));
      await unix.remove(fid);
      unix.wire.close();
    });

    await t.step("names and numbers are the same users", async () => {
      const named = await node.connect({ address: node.address(TRUST), dialect: "9P2000", uname: "alice" });
      assert.equal(await named.get(named.root, where, "grouped"), "grouped");
      named.wire.close();
      const nobody = await node.connect({ address: node.address(TRUST), dialect: "9P2000", uname: "none" });
      await refuses("EACCES", nobody.create(await nobody.walk(nobody.root, where, "sticky"), "new"));
      nobody.wire.close();
      const byNumber = await node.connect({ address: node.address(TRUST), uname: "root", nUname: CAROL });
      await refuses("EACCES", byNumber.get(byNumber.root, where, "secret"), "the number wins over the name");
      byNumber.wire.close();
    });

    for (const { wire } of [root, alice, bob, carol]) wire.close();
  });
}

Deno.test("users=trust: in a union each member's own bits count", async () => {
  await using node = await start();
  const [root, alice] = await Promise.all([0, ALICE].map((n) => claim(node, TRUST, n)));
  const mem = await root.walk(root.root, "mem");
  for (const [name, mode] of [["open", 0o777], ["kept", 0o755], ["shut", 0o700]] as const) {
    const dir = await root.mkdir(mem, name);
    await root.put(dir, `of-${name}`, name);
    await root.chmod(dir, mode);
  }
  const ctl = await root.walk(root.root, "ctl");
  await root.open(ctl, "w");
  await root.write(
    ctl,
    0,
    "bind /mem/open /u\nbind -ac /mem/kept /u\nbind -a /mem/shut /u\nbind /mem/shut /v\n",
  );

  const u = await alice.walk(alice.root, "u");
  assert.deepEqual((await alice.names(u)).sort(), ["of-kept", "of-open"]);
  assert.equal(await alice.get(u, "of-kept"), "kept");
  await refuses("EACCES", alice.get(u, "of-shut"));
  await refuses("EACCES", alice.names(await alice.walk(alice.root, "v")));
  await refuses("EACCES", put(alice, u, "new", TEAM));
  await refuses("EACCES", alice.mkdir(u, "new"));
  await refuses("EACCES", alice.unlink(u, "of-kept"));
  await refuses("EACCES", alice.move(u, "of-kept", u, "new"));
  await refuses("EACCES", alice.rpc("Tsymlink", { fid: u, name: "new", symtgt: "x", gid: TEAM }));
  await alice.unlink(u, "of-open");
  assert.deepEqual((await root.names(await root.walk(root.root, "u"))).sort(), ["of-kept", "of-shut"]);
  for (const { wire } of [root, alice]) wire.close();
});

Deno.test("users=none may read what bits give to others, and nothing else, whoever it claims to be", async (t) => {
  await using node = await start();
  await node.asOwner(async (owner) => {
    for (const where of ["data", "mem"]) {
      const tree = await owner.walk(owner.root, where);
      await owner.put(tree, "public", "public", 0o644);
      await owner.put(tree, "grouped", "grouped", 0o640);
      await owner.chmod(await owner.mkdir(tree, "open"), 0o777);
      await owner.chmod(await owner.mkdir(tree, "closed"), 0o750);
      await owner.put(await owner.walk(tree, "open"), "writable", "writable", 0o666);
      await owner.chmod(await owner.walk(tree, "open", "writable"), 0o666);
    }
  });
  for (const where of ["data", "mem"]) {
    for (const nUname of [0, ALICE, NOBODY]) {
      await t.step(`/${where}, claiming to be ${nUname}`, async () => {
        const none = await claim(node, NONE, nUname);
        const tree = await none.walk(none.root, where);
        assert.deepEqual(await none.names(tree), ["closed", "grouped", "open", "public"]);
        assert.equal(await none.get(tree, "public"), "public");
        assert.equal(await none.get(tree, "open", "writable"), "writable");
        const open = await none.walk(tree, "open");
        const writable = await none.walk(open, "writable");
        const opened = async (name: string, access: "r" | "w") => {
          await none.open(await none.walk(tree, name), access);
        };
        await refuses("EACCES", opened("grouped", "r"));
        await refuses("EACCES", opened("closed", "r"));
        await refuses("EACCES", opened("public", "w"));
        // Though the bits would let anybody.
        await refuses("EACCES", none.open(await none.walk(writable), "w"));
        await refuses("EACCES", none.open(await none.walk(writable), "r", { trunc: true }));
        await refuses("EACCES", none.create(open, "new"));
        await refuses("EACCES", none.mkdir(open, "new"));
        await refuses("EACCES", none.unlink(open, "writable"));
        await refuses("EACCES", none.rename(writable, open, "renamed"));
        await refuses("EACCES", none.chmod(writable, 0o777));
        await refuses("EACCES", none.truncate(writable, 0));
        await refuses("EACCES", none.setattr(writable, Setattr.MTIME, {}));
        await refuses("EACCES", none.rpc("Tlink", { dfid: open, fid: writable, name: "link" }));
        await refuses("EACCES", none.rpc("Tsymlink", { fid: open, name: "link", symtgt: "x", gid: 0 }));
        assert.equal(await none.get(tree, "open", "writable"), "writable");
        none.wire.close();
      });
    }
  }
  await t.step("and not the node's commands", async () => {
    const none = await claim(node, NONE, 0);
    await refuses("EACCES", none.open(await none.walk(none.root, "ctl"), "w"));
    await refuses("EACCES", none.open(await none.walk(none.root, "ctl"), "r"));
    none.wire.close();
  });
});

Deno.test("users=owner is the node's owner, whoever it claims to be", async () => {
  await using node = await start();
  const uid = Deno.uid() ?? 0;
  for (const address of [node.address(OWNER), node.socket]) {
    const client = await node.connect({ address, nUname: ALICE, uname: "alice" });
    const data = await client.walk(client.root, "data");
    const name = `by-${client.wire.conn.remoteAddr.transport}`;
    await put(client, data, name, Deno.gid() ?? 0, 0o600);
    assert.equal((await owns(client, data, name))[0], uid);
    await client.open(await client.walk(client.root, "ctl"), "w");
    client.wire.close();
  }
});

Deno.test("under users=trust uid 0 is the node's own process, and no more than that", async (t) => {
  if (!skipUnless(t.name, UNPRIVILEGED)) return;
  const home = await makeHome(NOBODY);
  try {
    await using node = await TestNode.start({ home, listen: LISTEN, before: asUser() });
    await Deno.writeTextFile(node.data("roots"), "secret", { mode: 0o600 });
    const root = await claim(node, TRUST, 0);
    const data = await root.walk(root.root, "data");
    await refuses("EACCES", root.get(data, "roots"));
    await put(root, data, "new", NOBODY);
    assert.deepEqual(await owns(root, data, "new"), [NOBODY, NOBODY]);
    // It cannot make files for others, and says so rather than making them its own.
    await root.chmod(data, 0o777);
    const alice = await claim(node, TRUST, ALICE);
    await refuses("EPERM", put(alice, await alice.walk(alice.root, "data"), "alices", ALICE));
    assert.equal(await root.has(data, "alices"), false);
    root.wire.close();
    alice.wire.close();
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});
