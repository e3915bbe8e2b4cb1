import assert from "node:assert/strict";
import { type Address, formatAddress, parseAddress, PORT_9P } from "./address.ts";

const tcp = (host: string, port: number): Address => ({ net: "tcp", host, port });
const unix = (path: string): Address => ({ net: "unix", path });

Deno.test("parseAddress takes dial strings, and what people write instead", () => {
  const cases: [string, Address][] = [
    ["tcp!127.0.0.1!5640", tcp("127.0.0.1", 5640)],
    ["tcp!localhost", tcp("localhost", PORT_9P)],
    ["tcp!host!9pfs", tcp("host", 564)],
    ["net!host!1", tcp("host", 1)],
    ["tcp!*!5640", tcp("0.0.0.0", 5640)],
    ["tcp!::1!5640", tcp("::1", 5640)],
    ["localhost:5640", tcp("localhost", 5640)],
    ["[::1]:5640", tcp("::1", 5640)],
    ["127.0.0.1:0", tcp("127.0.0.1", 0)],
    ["tcp!h!65535", tcp("h", 65535)],
    ["unix!/run/9p", unix("/run/9p")],
    ["unix!relative", unix("relative")],
    ["/run/user/1000/lux9/9p", unix("/run/user/1000/lux9/9p")],
    ["./9p", unix("./9p")],
    ["a/path:with:colons", unix("a/path:with:colons")],
    ["unix!/home/what!/a!b,c", unix("/home/what!/a!b,c")],
    ["unix!a!b", unix("a!b")],
    ["/home/what!/9p", unix("/home/what!/9p")],
    ["./tcp!h!1", unix("./tcp!h!1")],
  ];
  for (const [text, address] of cases) assert.deepEqual(parseAddress(text), address, text);
});

Deno.test("parseAddress refuses the rest, and says what to write", () => {
  const bad = [
    "",
    "tcp",
    "tcp!",
    "tcp!!5640",
    "tcp!h!65536",
    "tcp!h!-1",
    "tcp!h!1.5",
    "tcp!h!port",
    "tcp!h!1!2",
    "unix!",
    "udp!h!1",
    "host",
    "::1",
    "host:",
    ":5640",
    "host:65536",
    `/${"x".repeat(107)}`,
    `unix!${"ü".repeat(54)}`,
  ];
  for (const text of bad) assert.throws(() => parseAddress(text), { code: "EINVAL" }, JSON.stringify(text));
  assert.throws(() => parseAddress("host"), /tcp!host!port/);
});

Deno.test("parseAddress counts the bytes of a socket's path, not its characters", () => {
  assert.deepEqual(parseAddress(`/${"x".repeat(106)}`), unix(`/${"x".repeat(106)}`));
  assert.throws(() => parseAddress(`/${"ü".repeat(54)}`), /109/);
});

Deno.test("formatAddress gives the dial string, which parseAddress takes back", () => {
  for (const text of ["tcp!127.0.0.1!5640", "tcp!::1!564", "unix!/run/9p", "unix!./a b/9p", "unix!/a!b!c"]) {
    assert.equal(formatAddress(parseAddress(text)), text);
  }
});
