/** R08–R11: who comes in, and where. */
import assert from "node:assert/strict";
import { NONUNAME } from "../../../9p/principal.ts";
import { NOFID } from "../../../9p/wire/codec.ts";
import type { U64 } from "../../../9p/qid.ts";
import type { Client } from "../client.ts";
import { ALL, CLASSIC, NUMERIC, refused, type Rule, rule, type Trial, unknownFid } from "../rule.ts";
import { Refused } from "../wire.ts";

/** The numeric owner of a file. */
async function ownerOf(client: Client, fid: number): Promise<number> {
  return client.isLinux ? (await client.getattr(fid)).uid : (await client.stat(fid)).nUid;
}

/** The owner of a file that is made through the fid of a directory. */
async function ownerOfNew(client: Client, dir: number, name: string): Promise<number> {
  const fid = await client.create(dir, name);
  const owner = await ownerOf(client, fid);
  await client.clunk(fid);
  return owner;
}

/** A home directory in which everybody may write, seen from another attach of the same connection. */
async function homeOf(t: Trial, client: Client, who: { uname: string; uid: number }): Promise<number> {
  const home = await t.home(client);
  await client.chmod(home, 0o777);
  const fid = client.freeFid();
  await t.attach(client, fid, who);
  return t.home(client, fid);
}

export const attach: Rule[] = [
  rule("R08", "attach to a fid in use is an error, and the fid stays what it was", ALL, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    const { qid } = await client.info(file);
    await refused(t.attach(client, client.root));
    await refused(t.attach(client, file));
    assert.deepEqual((await client.info(file)).qid, qid);
    await client.write(file, 0, "still open");
  }),

  rule("R08", "several attaches live side by side; clunking one leaves the others", ALL, async (t) => {
    const client = await t.client();
    const second = client.freeFid();
    const first = await client.info(client.root);
    assert.equal((await t.attach(client, second)).path, first.qid.path);
    await client.clunk(client.root);
    await client.info(second);
    await t.attach(client, client.root);
  }),

  rule("R08", "Tauth where none is needed is an error, and makes no afid", ALL, async (t) => {
    t.need("noAuth");
    const client = await t.client();
    const { aname, uname, uid } = t.subject;
    const auth = { uname, aname, nUname: uid };
    await refused(client.rpc("Tauth", { ...auth, afid: 90 }));
    await unknownFid(client, 90);
    await refused(client.rpc("Tauth", { ...auth, afid: client.root }));
    await client.info(client.root);
  }),

  rule("R08", "an afid that was never validated is an error, and no attach", ALL, async (t) => {
    t.need("noAuth");
    const client = await t.client();
    const { aname, uname, uid } = t.subject;
    for (const afid of [90, client.root]) {
      await refused(client.rpc("Tattach", { fid: 91, afid, uname, aname, nUname: uid }));
      await unknownFid(client, 91);
    }
    await client.rpc("Tattach", { fid: 91, afid: NOFID, uname, aname, nUname: uid });
  }),

  rule("R09", "a validated afid serves several attaches with the same uname and aname", ALL, async (t) => {
    if (t.subject.features.noAuth) t.skip("the subject asks for no authentication");
    const client = await t.session();
    const { aname, uname, uid } = t.subject;
    const afid = client.freeFid();
    await client.rpc("Tauth", { afid, uname, aname, nUname: uid });
    t.skip("the suite speaks no authentication protocol");
  }),

  rule("R10", "the numeric n_uname wins over uname", NUMERIC, async (t) => {
    const { uid } = t.need("claims");
    const client = await t.client();
    const home = await homeOf(t, client, { uname: t.subject.uname, uid });
    assert.equal(await ownerOfNew(client, home, "by number"), uid);
  }),

  rule("R10", "with n_uname ~0 the uname counts", NUMERIC, async (t) => {
    const { uname, uid } = t.need("claims");
    const client = await t.client();
    const home = await homeOf(t, client, { uname, uid: NONUNAME });
    assert.equal(await ownerOfNew(client, home, "by name"), uid);
  }),

  rule("R10", "an empty uname with a number is a user, as v9fs sends it", NUMERIC, async (t) => {
    const { uid } = t.need("claims");
    const client = await t.client();
    const home = await homeOf(t, client, { uname: "", uid });
    assert.equal(await ownerOfNew(client, home, "nameless"), uid);
  }),

  rule(
    "R10",
    "each attach of a connection acts as its own user, and so do the fids walked from it",
    NUMERIC,
    async (t) => {
      const { uname, uid } = t.need("claims");
      const client = await t.client();
      const theirs = await homeOf(t, client, { uname, uid });
      const own = await t.home(client);
      for (let i = 0; i < 3; i++) {
        assert.equal(await ownerOfNew(client, own, `own ${i}`), t.subject.uid);
        assert.equal(await ownerOfNew(client, theirs, `theirs ${i}`), uid);
      }
      const dir = await client.mkdir(theirs, "dir");
      assert.equal(await ownerOf(client, dir), uid);
      assert.equal(await ownerOfNew(client, await client.walk(dir), "below"), uid);
    },
  ),

  rule("R10", "in 9P2000 the uname is the owner of what it makes", ["9P2000"], async (t) => {
    const { uname } = t.need("claims");
    const client = await t.client();
    const home = await homeOf(t, client, { uname, uid: NONUNAME });
    const fid = await client.create(home, "file");
    assert.equal((await client.stat(fid)).uid, uname);
  }),

  rule("R10", "permission bits hold for the user of the attach, not of the connection", ALL, async (t) => {
    t.need("permissions");
    const { uname, uid } = t.need("claims");
    const { client, home } = await t.start();
    await client.put(home, "secret", "text", 0o600);
    await client.put(home, "open", "text", 0o644);
    const theirs = await homeOf(t, client, { uname, uid });
    await refused(client.get(theirs, "secret"), "EACCES", "EPERM");
    assert.equal(await client.get(theirs, "open"), "text");
    const file = await client.walk(theirs, "open");
    await refused(client.open(file, "rw"), "EACCES", "EPERM");
    assert.equal(await client.get(home, "secret"), "text");
  }),

  rule("R11", "an aname that is not exported is EPERM or ENOENT, and makes no fid", ALL, async (t) => {
    const client = await t.client();
    const { aname, uname, uid } = t.subject;
    for (const bad of ["/etc", "/no/such/tree", "etc", "%s", `${aname}/no such tree`]) {
      await refused(client.attach(91, bad, uname, uid), "EPERM", "ENOENT");
      await unknownFid(client, 91);
    }
    // These cannot be names at all.
    for (const bad of ["\0", "x".repeat(5000)]) await refused(client.attach(91, bad, uname, uid));
    await t.attach(client, 91);
  }),

  rule("R11", 'no aname leads out of what is exported, by ".." or by slashes', ALL, async (t) => {
    const client = await t.client();
    const { aname, uname, uid } = t.subject;
    const exported: U64[] = [(await client.info(client.root)).qid.path];
    for (const root of ["", "/"]) {
      const qid = await client.attach(91, root, uname, uid).catch(() => undefined);
      if (qid === undefined) continue;
      exported.push(qid.path);
      await client.clunk(91);
    }
    for (
      const bad of [`${aname}/..`, `${aname}/../..`, "..", "../../../../etc", "/..", "/".repeat(300), "/./.."]
    ) {
      const qid = await client.attach(91, bad, uname, uid).catch((thrown) => {
        if (!(thrown instanceof Refused)) throw thrown;
      });
      if (!qid) continue;
      assert.ok(exported.includes(qid.path), `${bad.slice(0, 40)} led out of the tree`);
      await client.clunk(91);
    }
  }),

  rule(
    "R11",
    "nothing leaks: a folder that exists and one that does not give the same error",
    ALL,
    async (t) => {
      const client = await t.client();
      const { uname, uid } = t.subject;
      const answers = [];
      for (const aname of ["/etc", "/etc/passwd", "/no-such-folder-anywhere", "/root"]) {
        const { errno, text } = await refused(client.attach(91, aname, uname, uid));
        answers.push({ errno, text });
      }
      for (const answer of answers) assert.deepEqual(answer, answers[0]);
    },
  ),

  rule("R11", "an error text has no name of a file in it", CLASSIC, async (t) => {
    const client = await t.client();
    const { uname, uid } = t.subject;
    const { text } = await refused(client.attach(91, "/a-telling-name", uname, uid));
    assert.ok(!text!.includes("telling"), text);
  }),
];
