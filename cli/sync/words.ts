import type { Ending, Summary } from "../../state/sync/mod.ts";
import type { LackingFiles, Told } from "../../state/worker/mod.ts";
import { plural, visible } from "../output.ts";
import { bytesText } from "../transfer.ts";

const NONE = { records: 0, recordBytes: 0, chunks: 0, chunkBytes: 0, messages: 0, bytes: 0 };
/** An exchange that was not needed. */
export const NOTHING: Summary = {
  sent: NONE,
  received: NONE,
  toSend: 0,
  toReceive: 0,
  refused: [],
  refusedByPeer: [],
  absent: 0,
  putOff: 0,
};
export const NOTHING_TO_SEND = "0 records to send, 0 to receive";

/** What went which way. */
export function movedText({ sent, received }: Summary): string {
  if (sent.records + received.records + sent.chunks + received.chunks === 0) return "nothing to exchange";
  const text = ({ records, chunks, recordBytes, chunkBytes }: Summary["sent"]) =>
    `${plural(records, "record")} and ${plural(chunks, "chunk")} (${bytesText(recordBytes + chunkBytes)})`;
  return `${text(sent)} sent, ${text(received)} received`;
}

/** How far an exchange is. */
export function progressText(progress: Extract<Told, { progress: unknown }>["progress"]): string {
  return "bytes" in progress ? `${bytesText(progress.bytes)} of a copy's state` : movedText(progress);
}

/** What is still not here after an exchange. */
export function absentText({ absent }: Summary): string {
  return `${plural(absent, "piece")} of contents ${
    absent === 1 ? "is" : "are"
  } not here whole, and the other copy has not got ` +
    "them either: sync with one that has; until then reads of them are errors, and lux9 why PATH tells of it";
}

/** What a new copy lacks as the other one could not give it. */
export function lackingText({ count, paths }: LackingFiles, damaged: number): string {
  const names = paths.map(visible).join(", ") + (count > paths.length ? ", …" : "");
  const why = damaged > 0 ? `, of which ${plural(damaged, "chunk")} came damaged` : "";
  return `The other copy could not give all of ${
    plural(count, "file")
  }${why}: ${names}. The new copy has the rest; lux9 sync with a copy that has them brings them`;
}

/** Why an exchange ended before all was done, and what to do. */
export function endingText(ending: Ending | undefined): string {
  switch (ending?.kind) {
    case undefined:
    case "cut":
      return "the exchange was cut off: call it again, and it goes on where it was";
    case "done":
      return "done";
    case "fork":
      return `two copies write as ${ending.author}, from record ${ending.number} on`;
    case "older":
      return ending.whose === "mine"
        ? "this copy is older than what others have of it"
        : "the other copy is older than what is known of it here";
    case "gone":
      return ending.whose === "mine"
        ? "the other copy has let go of records that are not here: this one was away for too long"
        : "this copy has let go of records that the other one has not got: that one was away for too long";
    case "refused":
      return `${ending.by === "us" ? "this copy" : "the other copy"} does not go on: ${ending.reason}`;
  }
}
