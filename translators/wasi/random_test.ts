import assert from "node:assert/strict";
import { ChaCha20 } from "./random.ts";

const hex = (bytes: Uint8Array) => bytes.toHex();
const counting = Uint8Array.from({ length: 32 }, (_, i) => i);

/** RFC 8439: key, nonce, block counter, and the key stream from there. */
const VECTORS: readonly (readonly [string, Uint8Array, string, number, string])[] = [
  [
    "A.1 #1",
    new Uint8Array(32),
    "000000000000000000000000",
    0,
    "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7" +
    "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
  ],
  [
    "A.1 #2",
    new Uint8Array(32),
    "000000000000000000000000",
    1,
    "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed" +
    "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
  ],
  [
    "A.1 #3",
    Uint8Array.from({ length: 32 }, (_, i) => i === 31 ? 1 : 0),
    "000000000000000000000000",
    1,
    "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a" +
    "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0",
  ],
  [
    "2.3.2",
    counting,
    "000000090000004a00000000",
    1,
    "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e" +
    "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e",
  ],
];

for (const [name, key, nonce, counter, stream] of VECTORS) {
  Deno.test(`ChaCha20 gives the key stream of RFC 8439, ${name}`, () => {
    const into = new Uint8Array(64);
    new ChaCha20(key, Uint8Array.fromHex(nonce), counter).fill(into);
    assert.equal(hex(into), stream);
  });
}

Deno.test("ChaCha20 encrypts the text of RFC 8439, 2.4.2", () => {
  const text = new TextEncoder().encode(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, " +
      "sunscreen would be it.",
  );
  const stream = new Uint8Array(text.length);
  new ChaCha20(counting, Uint8Array.fromHex("000000000000004a00000000"), 1).fill(stream);
  assert.equal(
    hex(text.map((byte, i) => byte ^ stream[i])),
    "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b357" +
      "1639d624e65152ab8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736" +
      "5af90bbf74a35be6b40b8eedf2785e42874d",
  );
});

Deno.test("ChaCha20 is one stream, however it is asked for", () => {
  const whole = new Uint8Array(1000);
  new ChaCha20(counting).fill(whole);
  const random = new ChaCha20(counting);
  const pieces = new Uint8Array(1000);
  let length = 0;
  for (let at = 0; at < 1000; at += length) {
    length = (length + 7) % 150;
    random.fill(pieces.subarray(at, at + length));
  }
  assert.equal(hex(pieces), hex(whole));
});

Deno.test("ChaCha20 goes on past the last block that a counter of 32 bits numbers", () => {
  const into = new Uint8Array(128);
  new ChaCha20(counting, new Uint8Array(12), 0xffffffff).fill(into);
  const next = new Uint8Array(64);
  new ChaCha20(counting, Uint8Array.fromHex("010000000000000000000000"), 0).fill(next);
  assert.equal(hex(into.subarray(64)), hex(next));
});

Deno.test("ChaCha20 refuses a key or a nonce of another length", () => {
  assert.throws(() => new ChaCha20(new Uint8Array(31)), { code: "EINVAL" });
  assert.throws(() => new ChaCha20(counting, new Uint8Array(8)), { code: "EINVAL" });
});
