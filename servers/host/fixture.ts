import {
  type Call,
  type Creation,
  Errno,
  type ErrnoName,
  NineError,
  Principals,
  S,
  type User,
} from "../../9p/mod.ts";
import assert from "node:assert/strict";
import type { Handle } from "./handle.ts";
import { host, type HostServer } from "./host.ts";
import type { Place } from "./place.ts";
import type { HostOptions } from "./tree.ts";

/** For tests: a folder below the temporary one, served, and gone at the end of the `using` block. */
export class Fixture implements Disposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "lux9_host_" });
  /** What is served. Beside it, in `folder`, is the outside. */
  readonly served = `${this.folder}/served`;
  readonly server: HostServer;
  readonly root: Place;

  constructor(options: Partial<HostOptions> = {}) {
    Deno.mkdirSync(this.served);
    this.server = host(this.served, { principals: new Principals(), ...options });
    this.root = this.server.attach("", owner) as Place;
  }

  [Symbol.dispose](): void {
    this.server[Symbol.dispose]();
    Deno.removeSync(this.folder, { recursive: true });
  }

  /** The path on the machine of a name below the served folder. */
  at(name: string): string {
    return `${this.served}/${name}`;
  }

  /** Walks along `path`, and holds what is there, as a fid does. */
  walk(path: string): Place {
    let place = this.root;
    for (const name of path.split("/")) place = this.server.walk(place, name, owner) as Place;
    this.server.hold(place);
    return place;
  }

  drop(place: Place): void {
    this.server.drop(place);
  }

  open(place: Place, flags: number): Handle {
    return this.server.open(place, flags, owner) as Handle;
  }

  close(place: Place, handle: Handle): void {
    this.server.close(place, handle, owner);
  }

  /** Makes a file through the server, with that content, and holds its place. */
  create(dir: Place, name: string, content = "", what: Partial<Creation> = {}): Place {
    const creation: Creation = { mode: S.IFREG | 0o644, uid: owner.user.name, ...what };
    const { node, handle } = this.server.create(dir, name, creation, 2, owner) as {
      node: Place;
      handle: Handle;
    };
    this.server.hold(node);
    if (content !== "") this.server.write(node, handle, 0, new TextEncoder().encode(content), owner);
    this.server.close(node, handle, owner);
    return node;
  }

  mkdir(dir: Place, name: string, mode = 0o755): Place {
    const place = this.server.make(dir, name, { mode: S.IFDIR | mode, uid: owner.user.name }, owner) as Place;
    this.server.hold(place);
    return place;
  }

  /** The whole content through an open of its own. */
  read(place: Place): string {
    const handle = this.open(place, 0);
    const into = new Uint8Array(65536);
    try {
      return new TextDecoder().decode(
        into.subarray(0, this.server.read(place, handle, 0, into, owner) as number),
      );
    } finally {
      this.close(place, handle);
    }
  }
}

/** A request of a user of that standing. */
export function callOf(
  standing: User["standing"],
  name: string,
  groups: string[] = [],
  signal = new AbortController().signal,
): Call {
  return { user: { name, groups: new Set(groups), standing }, signal };
}

export const owner: Call = callOf("owner", "glenda");

/** The call fails with that errno, by a NineError whose message says more. */
export function fails(errno: ErrnoName, call: () => unknown): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof NineError, `${error}`);
    assert.equal(error.code, errno, error.message);
    assert.equal(error.errno, Errno[errno]);
    return error.message.length > 10;
  });
}

export const isRoot = Deno.uid() === 0;

/** The open descriptors of this process. */
export function descriptorCount(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

/** Runs a command to its end. */
export function run(command: string, ...args: string[]): { code: number; output: string } {
  const { code, stdout, stderr } = new Deno.Command(command, { args }).outputSync();
  return { code, output: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

export const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
