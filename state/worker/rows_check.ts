import { NineError } from "../../9p/mod.ts";
import type { FoundWrong, ToCheck } from "./rows_check_worker.ts";
import { wrongRows } from "./verify.ts";

/**
 * Checks the rows of a database that came from elsewhere, and what is in chunks, on two cores: what the documents show takes most of the time, and a Worker, which starts while the rows come, looks
 * at the rest meanwhile.
 */
export class RowsCheck implements Disposable {
  readonly #worker = new Worker(new URL("./rows_check_worker.ts", import.meta.url), {
    type: "module",
    name: "check",
  });

  /** What is wrong, of a database that nobody writes to. EIO where it cannot be looked at. */
  async found(folder: string, withContents: boolean): Promise<FoundWrong> {
    const others = new Promise<FoundWrong>((resolve, reject) => {
      this.#worker.onmessage = ({ data }: MessageEvent<FoundWrong>) => resolve(data);
      this.#worker.onerror = (event) => {
        event.preventDefault();
        reject(new NineError("EIO", `What came could not be checked: ${event.message}`));
      };
      const asked: ToCheck = { folder, withContents };
      this.#worker.postMessage(asked);
    });
    // It is asked for below.
    others.catch(() => {});
    const inDocuments = wrongRows(folder, "documents");
    const { problems, damaged } = await others;
    return { problems: [...problems, ...inDocuments], damaged };
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}
