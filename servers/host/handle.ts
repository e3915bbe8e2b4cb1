import type { Cursor } from "./listing.ts";
import type { Line } from "./stream.ts";
import type { Window } from "./windows.ts";

/** An open file: one descriptor of the system. */
export class Handle {
  /** -1 once closed. */
  fd: number;
  /** `O` flags that it was opened with. */
  readonly flags: number;
  readonly kind: "regular" | "directory" | "stream";
  /** A stream only: whether it has no offsets, as fifos and terminals have none. */
  seekable: boolean;
  /** Whether the first write must take setuid and setgid bits away, the writer being neither the owner nor the node. */
  clearSetid = false;
  /** A regular file only: what of it is mapped into memory, by number, and how often it was asked for such a part. */
  windows: Map<number, Window> | undefined;
  lends = 0;
  /** A directory only: where its listing is. */
  cursor: Cursor | undefined;

  /** A stream only: the reads that wait for something to come, and the writes that wait for room. */
  reads: Line | undefined;
  writes: Line | undefined;

  constructor(fd: number, flags: number, kind: Handle["kind"], seekable: boolean) {
    this.fd = fd;
    this.flags = flags;
    this.kind = kind;
    this.seekable = seekable;
  }
}
