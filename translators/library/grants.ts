import { z } from "zod";
import { NineError } from "../../9p/mod.ts";
import type { Capability } from "../manifest/mod.ts";

const schema = z.record(
  z.string().regex(/^[0-9a-f]{64}$/),
  z.array(z.strictObject({ read: z.string().startsWith("/").max(4096) })).max(16),
);
const GRANTS_BYTES_MAX = 1024 * 1024;

/**
 * What the owner of this node has granted, by the hash of a module: one that changed, or came from elsewhere, has
 * nothing. A JSON file of the home, written whole.
 */
export class Grants {
  readonly #file: string;
  #granted: Map<string, readonly Capability[]>;

  /** EINVAL where the file is not what `allow` writes: guessing at grants would be worse than to stop. */
  constructor(file: string) {
    this.#file = file;
    this.#granted = new Map(Object.entries(read(file)));
  }

  of(hash: string): readonly Capability[] {
    return this.#granted.get(hash) ?? [];
  }

  /** Replaces what a hash was granted; nothing takes it back. */
  set(hash: string, capabilities: readonly Capability[]): void {
    const next = new Map(this.#granted);
    if (capabilities.length === 0) next.delete(hash);
    else next.set(hash, capabilities);
    const temporary = `${this.#file}.${Deno.pid}.tmp`;
    Deno.writeTextFileSync(temporary, JSON.stringify(Object.fromEntries(next), null, 2) + "\n", {
      mode: 0o600,
    });
    Deno.renameSync(temporary, this.#file);
    this.#granted = next;
  }
}

function read(file: string): z.infer<typeof schema> {
  let text: string;
  try {
    if (Deno.statSync(file).size > GRANTS_BYTES_MAX) {
      throw bad(file, `it is longer than ${GRANTS_BYTES_MAX} bytes`);
    }
    text = Deno.readTextFileSync(file);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return {};
    throw thrown;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (thrown) {
    throw bad(file, (thrown as Error).message);
  }
}

function bad(file: string, why: string): NineError {
  return new NineError(
    "EINVAL",
    `${file} is not what "lux9 translator allow" writes (${why}): mend or remove it`,
  );
}
