import type { NineError } from "../../9p/mod.ts";
import { removeFile } from "./result_file.ts";
import type { RoomBeside } from "./room_beside.ts";

/** The file that a run writes a long output to. It takes room until the output is kept, or its last reader has gone. */
export class Spool {
  #bytes = 0;
  /** Why the output is not to go on; set once. */
  refusal: NineError | undefined;

  /**
   * The file is made by whoever writes it. `user` is whose run it is, and `inputBytes` is what its inputs take of the room:
   * a pipeline is not to be stopped by its own output.
   */
  constructor(
    readonly path: string,
    readonly user: string,
    readonly room: RoomBeside,
    readonly inputBytes: number,
  ) {}

  /** The file holds so much now. False where it is new, and there was no room for one more. */
  grow(bytes: number): boolean {
    if (this.#bytes === 0) this.refusal = this.room.refusal(this.user, this.inputBytes);
    this.room.take(this.user, bytes - this.#bytes);
    this.#bytes = bytes;
    return this.refusal === undefined;
  }

  /** The file counts elsewhere from now on, or has gone. */
  end(): void {
    this.room.give(this.user, this.#bytes);
    this.#bytes = 0;
  }

  /** Removes the file. */
  discard(): void {
    if (this.#bytes === 0) return;
    removeFile(this.path);
    this.end();
  }
}
