import { type Call, type FileServer, NineError } from "../../9p/mod.ts";
import type { Clock } from "./clock.ts";
import {
  type Input,
  InputStream,
  type Mount,
  OpenDirectory,
  type Output,
  OutputStream,
} from "./descriptor.ts";
import { Descriptors, DESCRIPTORS_MAX } from "./descriptors.ts";
import { DIRECTORY_RIGHTS, INPUT_RIGHTS, OUTPUT_RIGHTS, TREE_RIGHTS } from "./rights.ts";
import { WasiStop } from "./stop.ts";

/** A directory that the guest has from the start. */
export interface Preopen {
  /** What the guest calls it, `/data` or `.`; its library looks paths up by it. */
  readonly guestPath: string;
  /** Answers everything at once: a Promise is an EIO. */
  readonly server: FileServer;
  /** The node that stands there. */
  readonly root: unknown;
  readonly writable: boolean;
  /** As whom files are opened; the host sees to `signal`. */
  readonly call: Call;
}

export interface Randomness {
  fill(into: Uint8Array): void;
}

export interface WasiOptions {
  /** The first is the program's name. */
  readonly args: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly preopens: readonly Preopen[];
  readonly clock: Clock;
  readonly random: Randomness;
  /** Blocks for that long, or throws when the run's time is over. */
  sleep(ns: bigint): void;
  /** Called between pieces of work that a guest can make long; throws when the run's time is over. */
  checkpoint?(): void;
}

/** One run of a guest: what its calls work on. Whoever made it closes it. */
export class WasiProcess {
  readonly descriptors = new Descriptors();
  readonly #options: WasiOptions;
  #args: StringList | undefined;
  #env: StringList | undefined;

  constructor(options: WasiOptions) {
    this.#options = options;
    for (const arg of options.args) checkNul("argument", arg);
    for (const [name, value] of options.env) checkVariable(name, value);
    if (options.preopens.length > DESCRIPTORS_MAX - 3) {
      throw new NineError(
        "EMFILE",
        `${options.preopens.length} preopened directories, allowed are ${DESCRIPTORS_MAX - 3}`,
      );
    }
    this.descriptors.add(new InputStream(options.stdin, INPUT_RIGHTS));
    this.descriptors.add(new OutputStream(options.stdout, OUTPUT_RIGHTS));
    this.descriptors.add(new OutputStream(options.stderr, OUTPUT_RIGHTS));
    const devices = new Map<FileServer, bigint>();
    for (const preopen of options.preopens) this.descriptors.add(directoryOf(preopen, devices));
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  get random(): Randomness {
    return this.#options.random;
  }

  get args(): StringList {
    return this.#args ??= new StringList(this.#options.args);
  }

  get env(): StringList {
    return this.#env ??= new StringList(this.#options.env.map(([name, value]) => `${name}=${value}`));
  }

  sleep(ns: bigint): void {
    orStop(() => this.#options.sleep(ns));
  }

  checkpoint(): void {
    if (this.#options.checkpoint) orStop(() => this.#options.checkpoint!());
  }

  /** Closes what the guest left open. */
  close(): void {
    this.descriptors.closeAll();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** What the host throws there ends the run, whatever it is: it is never an errno to the guest. */
function orStop(action: () => void): void {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof WasiStop) throw thrown;
    throw new WasiStop("The host ended the run", { cause: thrown });
  }
}

/** Arguments or variables, each ended by a NUL. */
export class StringList {
  readonly strings: readonly Uint8Array[];
  /** With the NULs. */
  readonly bytes: number;

  constructor(strings: readonly string[]) {
    this.strings = strings.map((text) => ENCODER.encode(text + "\0"));
    this.bytes = this.strings.reduce((sum, { length }) => sum + length, 0);
  }
}

const ENCODER = new TextEncoder();

function directoryOf(preopen: Preopen, devices: Map<FileServer, bigint>): OpenDirectory {
  const { server, root, writable, call, guestPath } = preopen;
  checkNul("path of a preopened directory", guestPath);
  const device = devices.get(server) ?? BigInt(devices.size + 1);
  devices.set(server, device);
  const mount: Mount = { server, root, writable, call, device };
  return new OpenDirectory(mount, root, DIRECTORY_RIGHTS, TREE_RIGHTS, 0, ENCODER.encode(guestPath));
}

function checkNul(what: string, text: string): void {
  if (text.includes("\0")) {
    throw new NineError("EINVAL", `The ${what} ${JSON.stringify(text)} contains a NUL`);
  }
}

function checkVariable(name: string, value: string): void {
  if (name === "" || name.includes("=")) {
    throw new NineError(
      "EINVAL",
      `${JSON.stringify(name)} is no name of a variable: it is empty or contains =`,
    );
  }
  checkNul("variable", name + value);
}
