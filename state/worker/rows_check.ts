import { NineError } from "../../9p/mod.ts";
import type { Reached } from "./contents_check.ts";
import type { FoundWrong, FromCheck, ToCheck } from "./rows_check_worker.ts";
import { wrongRows } from "./verify.ts";

/**
 * Checks the rows of a database that came from elsewhere, and what is in chunks, on two cores: a Worker reads chunks while their packs come, and in the end looks at all rows but those of which documents are made,
 * as what these show takes most of the time.
 */
export class RowsCheck implements Disposable {
  readonly #worker = new Worker(new URL("./rows_check_worker.ts", import.meta.url), {
    type: "module",
    name: "check",
  });
  readonly #begun = Promise.withResolvers<void>();
  readonly #found = Promise.withResolvers<FoundWrong>();
  #hasContents = false;

  constructor() {
    // They are asked for in the end.
    for (const { promise } of [this.#begun, this.#found]) promise.catch(() => {});
    this.#worker.onmessage = ({ data }: MessageEvent<FromCheck>) =>
      data.kind === "begun" ? this.#begun.resolve() : this.#found.resolve(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const error = new NineError("EIO", `What came could not be checked: ${event.message}`);
      for (const { reject } of [this.#begun, this.#found]) reject(error);
    };
  }

  /** The rows of chunks are committed, and their packs are about to come. */
  begin(folder: string): void {
    this.#hasContents = true;
    this.#say({ kind: "contents", folder });
  }

  /** So much of the packs has come. */
  reached(reached: Reached): void {
    if (this.#hasContents) this.#say({ kind: "reached", ...reached });
  }

  /** Resolves when the Worker does not read from the database: it may be written to. */
  async free(): Promise<void> {
    if (this.#hasContents) await this.#begun.promise;
  }

  /** What is wrong, of a database that nobody writes to. EIO where it cannot be looked at. */
  async found(folder: string): Promise<FoundWrong> {
    this.#say({ kind: "rows", folder });
    const inDocuments = wrongRows(folder, "documents");
    const { problems, damaged } = await this.#found.promise;
    return { problems: [...problems, ...inDocuments], damaged };
  }

  #say(message: ToCheck): void {
    this.#worker.postMessage(message);
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}
