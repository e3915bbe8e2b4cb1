import assert from "node:assert/strict";
import { Errno, type ErrnoName, errnoName } from "../../9p/errno.ts";
import { NONUNAME } from "../../9p/principal.ts";
import type { Qid } from "../../9p/qid.ts";
import type { Dialect } from "../../9p/wire/field.ts";
import { Client } from "./client.ts";
import { type Feature, type Features, LACKS, type Subject } from "./subject.ts";
import { Closed, isError, Refused, Wire } from "./wire.ts";

/** One named test of a rule of 9P-RULES.md. */
export interface Rule {
  readonly id: string;
  readonly what: string;
  readonly dialects: readonly Dialect[];
  readonly run: (t: Trial) => Promise<void>;
}

export const ALL: readonly Dialect[] = ["9P2000", "9P2000.u", "9P2000.L"];
/** The dialects with Topen, Tcreate, Tstat and Twstat. */
export const CLASSIC: readonly Dialect[] = ["9P2000", "9P2000.u"];
/** The dialects that carry numeric users and errnos. */
export const NUMERIC: readonly Dialect[] = ["9P2000.u", "9P2000.L"];
export const LINUX: readonly Dialect[] = ["9P2000.L"];

export function rule(
  id: string,
  what: string,
  dialects: readonly Dialect[],
  run: (t: Trial) => Promise<void>,
): Rule {
  return { id, what, dialects, run };
}

/** Thrown to skip a test, with the reason. */
export class Skip extends Error {
  override readonly name = "Skip";
}

export interface ClientOptions {
  msize?: number;
  address?: string;
  dialect?: Dialect;
  uname?: string;
  /** n_uname; ~0 for none. */
  uid?: number;
}

const MSIZE = 65536;

/** One run of one test: it has a directory of its own in the tree, and closes and removes all it made. */
export class Trial {
  readonly #wires: Wire[] = [];
  readonly #homeName: string;
  #hasHome = false;

  constructor(readonly subject: Subject, readonly dialect: Dialect, rule: Rule) {
    const unique = crypto.randomUUID().slice(0, 8);
    this.#homeName = `conformance-${rule.id}-${unique}`;
  }

  get isLinux(): boolean {
    return this.dialect === "9P2000.L";
  }

  /** The feature, or the end of this test as skipped. */
  need<F extends Feature>(feature: F): NonNullable<Features[F]> {
    const value = this.subject.features[feature];
    if (!value) throw new Skip(LACKS[feature]);
    return value as NonNullable<Features[F]>;
  }

  skip(reason: string): never {
    throw new Skip(reason);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => setTimeout(wake, ms));
  }

  /** A connection on which nothing was said yet. */
  async dial(address = this.subject.address): Promise<Wire> {
    const wire = await Wire.dial(address);
    this.#wires.push(wire);
    return wire;
  }

  /** A connection that speaks the dialect, without an attach. */
  async session({ msize = MSIZE, address, dialect = this.dialect }: ClientOptions = {}): Promise<Client> {
    const wire = await this.dial(address);
    const { version } = await wire.version(msize, dialect);
    if (version !== dialect) throw new Error(`The server answered ${dialect} with ${version}`);
    return new Client(wire);
  }

  /** A connection that speaks the dialect and is attached at fid 0. */
  async client(options: ClientOptions = {}): Promise<Client> {
    const client = await this.session(options);
    await this.attach(client, client.root, options);
    return client;
  }

  attach(client: Client, fid: number, options: ClientOptions = {}): Promise<Qid> {
    const { aname, uname, uid } = this.subject;
    client.gid = options.uid === undefined || options.uid === NONUNAME ? uid : options.uid;
    return client.attach(fid, aname, options.uname ?? uname, options.uid ?? uid);
  }

  /** A fid for the test's own directory. */
  async home(client: Client, root = client.root): Promise<number> {
    if (!this.subject.writable) throw new Skip("the subject is read-only");
    if (this.#hasHome) return client.walk(root, this.#homeName);
    this.#hasHome = true;
    const home = await client.mkdir(root, this.#homeName, 0o777);
    // Tcreate has masked the mode with that of the root.
    await client.chmod(home, 0o777);
    return home;
  }

  /** A client and its fid for the test's own directory. */
  async start(options: ClientOptions = {}): Promise<{ client: Client; home: number }> {
    const client = await this.client(options);
    return { client, home: await this.home(client) };
  }

  /** A read that waits: its fid is open, its tag in flight. */
  async block(client: Client): Promise<{ fid: number; tag: number }> {
    const fid = await this.openBlocking(client);
    const tag = client.wire.send("Tread", { fid, offset: 0, count: 100 });
    assert.ok(await client.wire.silent(tag), "the read of the blocking file ended at once");
    return { fid, tag };
  }

  async openBlocking(client: Client): Promise<number> {
    const { path, access } = this.need("blocking");
    const fid = await client.walk(client.root, ...path.split("/"));
    await client.open(fid, access);
    return fid;
  }

  async end(): Promise<string[]> {
    const violations = this.#wires.flatMap((wire) => wire.violations);
    for (const wire of this.#wires) wire.close();
    await Promise.all(this.#wires.map((wire) => wire.closed));
    if (this.#hasHome) await this.#removeHome().catch((thrown) => violations.push(`Cleaning up: ${thrown}`));
    return violations;
  }

  async #removeHome(): Promise<void> {
    const wire = await Wire.dial(this.subject.address);
    try {
      await wire.version(MSIZE, this.dialect);
      const client = new Client(wire);
      await this.attach(client, client.root);
      await client.removeTree(client.root, this.#homeName);
    } finally {
      wire.close();
      await wire.closed;
    }
  }
}

/**
 * Asserts that the request is answered by an error, and returns it. Where the dialect carries errnos, it must be one of
 * `codes`, if there are any.
 */
export async function refused(request: Promise<unknown>, ...codes: ErrnoName[]): Promise<Refused> {
  let reply: unknown;
  try {
    reply = await request;
  } catch (thrown) {
    if (!(thrown instanceof Refused)) throw thrown;
    if (
      thrown.errno !== undefined && codes.length > 0 && !codes.some((code) => Errno[code] === thrown.errno)
    ) {
      assert.fail(
        `${thrown.request} was refused with ${errnoName(thrown.errno)}, not with ${codes.join(" or ")}`,
      );
    }
    return thrown;
  }
  const kind = (reply as { kind?: string } | undefined)?.kind ?? "a reply";
  assert.fail(`An error was due, and ${kind} came`);
}

/** Asserts that the fid is not known to the server. */
export async function unknownFid(client: Client, fid: number): Promise<void> {
  await refused(client.rpc("Tclunk", { fid }), "EBADF", "EIO", "EINVAL", "ENOENT");
}

/** Waits for the fate of a message that no server should accept: true for an error, false for a close. */
export async function errorOrClose(wire: Wire, tag: number): Promise<boolean> {
  try {
    const frame = await wire.reply(tag);
    assert.ok(isError(frame), `it was answered by type ${frame.type} instead of an error`);
    return true;
  } catch (thrown) {
    if (thrown instanceof Closed) return false;
    throw thrown;
  }
}

/** Sends a message that no server should accept. */
export async function mustRefuse(wire: Wire, frame: Uint8Array, tag: number, what: string): Promise<void> {
  wire.sendBytes(frame, { name: what, tag });
  try {
    await errorOrClose(wire, tag);
  } catch (thrown) {
    throw new Error(`${what}: ${thrown instanceof Error ? thrown.message : thrown}`);
  }
}
