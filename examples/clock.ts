/** A file server: `time` tells the time in the zone that was last written to `zone`. */
import {
  Engine,
  type FileServer,
  formatAddress,
  NineError,
  parseAddress,
  plainAttr,
  Principals,
  Qt,
  S,
  Service,
  type User,
} from "../9p/mod.ts";

const ROOT = { name: "/", path: 1, mode: S.IFDIR | 0o555 };
const TIME = { name: "time", path: 2, mode: S.IFREG | 0o444 };
const ZONE = { name: "zone", path: 3, mode: S.IFREG | 0o666 };
const FILES = [TIME, ZONE];
type Node = typeof ROOT;

let zone = "UTC";
const text = (node: Node): string =>
  node === ZONE ? `${zone}\n` : `${new Date().toLocaleString("sv", { timeZone: zone })}\n`;

const qid = (node: Node) => ({ type: node === ROOT ? Qt.DIR : Qt.FILE, version: 0, path: node.path });

export const clock: FileServer<Node, Uint8Array> = {
  attach: () => ROOT,
  qid,
  name: (node) => node.name,
  parent: () => ROOT,
  walk(_dir, name) {
    const file = FILES.find((one) => one.name === name);
    if (!file) throw new NineError("ENOENT", `No ${name} here: there are time and zone`);
    return file;
  },
  getattr: (node) => plainAttr(qid(node), node.mode, "clock", "clock"),
  setattr() {}, // A shell's > truncates first, which means nothing here.
  open: (node) => new TextEncoder().encode(node === ROOT ? "" : text(node)),
  read(_node, bytes, offset, into) {
    const part = bytes.subarray(offset, offset + into.byteLength);
    into.set(part);
    return part.byteLength;
  },
  write(_node, _handle, _offset, data) {
    const name = new TextDecoder().decode(data).trim();
    try {
      new Intl.DateTimeFormat("en", { timeZone: name });
    } catch {
      throw new NineError("EINVAL", `${JSON.stringify(name)} is no time zone: write one like Europe/Paris`);
    }
    zone = name;
    return data.byteLength;
  },
  list: (_dir, _handle, cookie) =>
    FILES.slice(Number(cookie)).map((node, i) => ({
      name: node.name,
      qid: qid(node),
      mode: node.mode,
      cookie: Number(cookie) + i + 1,
    })),
};

if (import.meta.main) {
  const me: User = { name: "clock", groups: new Set(), standing: "owner" };
  const service = new Service(new Engine(clock as FileServer, { principals: new Principals() }));
  const address = service.listen(parseAddress(Deno.args[0]), { strict: false, identify: () => me });
  console.log(`The clock is at ${formatAddress(address)}`);
}
