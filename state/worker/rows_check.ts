import { NineError } from "../../9p/mod.ts";
import { wrongRows } from "./verify.ts";

/** Checks the rows of a database that came from elsewhere, on two cores: what the documents show takes most of the time, and a Worker, which starts while the rows come, looks at the others meanwhile. */
export class RowsCheck implements Disposable {
  readonly #worker = new Worker(new URL("./rows_check_worker.ts", import.meta.url), {
    type: "module",
    name: "check",
  });

  /** What is wrong, of a database that nobody writes to. EIO where it cannot be looked at. */
  async problems(folder: string): Promise<readonly string[]> {
    const others = new Promise<readonly string[]>((resolve, reject) => {
      this.#worker.onmessage = ({ data }: MessageEvent<readonly string[]>) => resolve(data);
      this.#worker.onerror = (event) => {
        event.preventDefault();
        reject(new NineError("EIO", `What came could not be checked: ${event.message}`));
      };
      this.#worker.postMessage(folder);
    });
    // It is asked for below.
    others.catch(() => {});
    const inDocuments = wrongRows(folder, "documents");
    return [...await others, ...inDocuments];
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}
