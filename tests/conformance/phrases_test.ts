/** R47: the phrase of every errno, as the two clients read it that see nothing else. */
import assert from "node:assert/strict";
import { Errno, errnoOfPhrase, phraseOf } from "../../9p/errno.ts";
import { LINUX_PHRASES, readBy9pfuse } from "./phrases.ts";

/** Where 9pfuse has no word for an errno: what it makes of the phrase instead. ERANGE is its "no idea". */
const GAPS_OF_9PFUSE: Record<string, string> = {
  E2BIG: "E2BIG",
  ENXIO: "ENOENT",
  EXDEV: "EINVAL",
  ENODEV: "ENOENT",
  ENFILE: "ERANGE",
  EMFILE: "ERANGE",
  ENOTTY: "EINVAL",
  ETXTBSY: "EBUSY",
  EFBIG: "ERANGE",
  ENOSPC: "ERANGE",
  ESPIPE: "EINVAL",
  EMLINK: "ERANGE",
  EDEADLK: "ERANGE",
  ENAMETOOLONG: "E2BIG",
  ENOLCK: "ERANGE",
  ENOTEMPTY: "EEXIST",
  ELOOP: "ERANGE",
  ENODATA: "ERANGE",
  EOVERFLOW: "ERANGE",
  EILSEQ: "EINVAL",
  EMSGSIZE: "E2BIG",
  EOPNOTSUPP: "ERANGE",
  ENOBUFS: "ERANGE",
  ECONNRESET: "ERANGE",
  ENOTCONN: "ERANGE",
  ECONNREFUSED: "ERANGE",
  EHOSTUNREACH: "ERANGE",
  ESTALE: "ENOENT",
  EDQUOT: "ERANGE",
};

/** Where the phrase is another errno's, since Linux or 9pfuse would read the right one wrongly. */
const GAPS_OF_LINUX: Record<string, string> = {
  ENOTTY: "EINVAL",
  ENOTEMPTY: "EEXIST",
  EOVERFLOW: "ERANGE",
  EILSEQ: "EINVAL",
  ESTALE: "ENOENT",
};

Deno.test("phraseOf gives a text that Linux and 9pfuse read as the errno, but for the known gaps", () => {
  for (const [name, errno] of Object.entries(Errno)) {
    const phrase = phraseOf(errno);
    assert.equal(LINUX_PHRASES[phrase], GAPS_OF_LINUX[name] ?? name, `Linux, ${name}: ${phrase}`);
    assert.equal(readBy9pfuse(phrase), GAPS_OF_9PFUSE[name] ?? name, `9pfuse, ${name}: ${phrase}`);
  }
});

Deno.test("phraseOf gives plain words, also for an errno that has no name", () => {
  for (const errno of [...Object.values(Errno), 0, 999, 3, 1 << 30]) {
    assert.match(phraseOf(errno), /^[A-Za-z/ -]+$/);
    assert.ok(LINUX_PHRASES[phraseOf(errno)]);
  }
  assert.equal(phraseOf(999), phraseOf(Errno.EIO));
});

Deno.test("errnoOfPhrase takes its own phrases back, and other servers' by their words", () => {
  for (const [name, errno] of Object.entries(Errno)) {
    const wanted = GAPS_OF_LINUX[name] ?? name;
    assert.equal(errnoOfPhrase(phraseOf(errno)), Errno[wanted as keyof typeof Errno], name);
  }
  const words: [string, keyof typeof Errno][] = [
    ["file does not exist", "ENOENT"],
    ["'x' file not found", "ENOENT"],
    ["permission denied", "EACCES"],
    ["file already exists", "EEXIST"],
    ["directory is not empty", "ENOTEMPTY"],
    ["not a directory", "ENOTDIR"],
    ["unknown fid", "EBADF"],
    ["exclusive lock: file in use", "EBUSY"],
    ["something else altogether", "EIO"],
    ["", "EIO"],
  ];
  for (const [text, name] of words) assert.equal(errnoOfPhrase(text), Errno[name], text);
});
