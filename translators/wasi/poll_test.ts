import { mem } from "../../servers/mem/mod.ts";
import assert from "node:assert/strict";
import { Eventtype, Oflag } from "./abi.ts";
import { RunClock } from "./clock.ts";
import { Guest, preopen } from "./fixture.ts";
import { SUBSCRIPTIONS_MAX } from "./poll.ts";
import { Right } from "./rights.ts";
import { WasiStop } from "./stop.ts";

const { CLOCK, FD_READ, FD_WRITE } = Eventtype;

interface Subscription {
  readonly tag: number;
  readonly fd?: number;
  readonly clock?: number;
  readonly timeout?: bigint;
  readonly flags?: number;
}

/** Polls for all, with the place in the list as userdata, and returns the events as rows. */
function poll(guest: Guest, ...subscriptions: Subscription[]) {
  const list = guest.room(48 * subscriptions.length);
  const { view } = guest.memory;
  subscriptions.forEach(({ tag, fd = 0, clock = 1, timeout = 0n, flags = 0 }, i) => {
    const at = list + 48 * i;
    view.setBigUint64(at, BigInt(i), true);
    view.setUint8(at + 8, tag);
    view.setUint32(at + 16, tag === CLOCK ? clock : fd, true);
    if (tag !== CLOCK) return;
    view.setBigUint64(at + 24, timeout, true);
    view.setUint16(at + 40, flags, true);
  });
  const [events, result] = [guest.room(32 * subscriptions.length), guest.room(4)];
  guest.must("poll_oneoff", list, events, subscriptions.length, result);
  return Array.from({ length: guest.u32(result) }, (_, i) => {
    const at = events + 32 * i;
    return {
      userdata: Number(guest.u64(at)),
      error: view.getUint16(at + 8, true),
      type: view.getUint8(at + 10),
      bytes: guest.u64(at + 16),
    };
  });
}

Deno.test("poll_oneoff sleeps until the first clock, and tells of all that are due by then", () => {
  using guest = new Guest();
  const events = poll(
    guest,
    { tag: CLOCK, timeout: 500n },
    { tag: CLOCK, timeout: 200n },
    { tag: CLOCK, clock: 0, timeout: 200n },
  );
  assert.deepEqual(guest.slept, [200n]);
  assert.deepEqual(events.map(({ userdata, error, type }) => [userdata, error, type]), [[1, 0, CLOCK], [
    2,
    0,
    CLOCK,
  ]]);
});

Deno.test("poll_oneoff with an absolute time sleeps for what is left, and not at all when it is over", () => {
  const clock = new RunClock({ realtimeNs: 1000n, stepNs: 10n });
  using guest = new Guest({ clock });
  poll(guest, { tag: CLOCK, clock: 0, timeout: 1500n, flags: 1 });
  assert.deepEqual(guest.slept, [500n]);
  assert.equal(poll(guest, { tag: CLOCK, clock: 0, timeout: 1000n, flags: 1 }).length, 1);
  assert.equal(poll(guest, { tag: CLOCK, clock: 1, timeout: 5n, flags: 1 }).length, 1);
  assert.deepEqual(guest.slept, [500n]);
});

Deno.test("poll_oneoff: streams and files are ready at once, so that no clock is waited for", () => {
  using guest = new Guest({ preopens: [preopen(mem())] });
  guest.file("file", "content");
  const fd = guest.mustOpen("file");
  guest.read(fd, 3);
  const events = poll(
    guest,
    { tag: CLOCK, timeout: 10n ** 18n },
    { tag: FD_READ, fd: 0 },
    { tag: FD_WRITE, fd: 1 },
    { tag: FD_READ, fd },
    { tag: FD_WRITE, fd },
  );
  assert.deepEqual(events.map(({ userdata, error, type }) => [userdata, error, type]), [
    [1, 0, FD_READ],
    [2, 0, FD_WRITE],
    [3, 0, FD_READ],
    [4, 0, FD_WRITE],
  ]);
  assert.equal(events[2].bytes, 4n);
  assert.deepEqual(guest.slept, []);
});

Deno.test("poll_oneoff tells in the event what is wrong with its subscription", () => {
  using guest = new Guest({ preopens: [preopen(mem())] });
  const blind = guest.mustOpen("file", { oflags: Oflag.CREAT, rights: Right.FD_READ });
  const events = poll(
    guest,
    { tag: FD_READ, fd: 99 },
    { tag: FD_READ, fd: 3 },
    { tag: FD_READ, fd: 1 },
    { tag: FD_READ, fd: blind },
    { tag: CLOCK, clock: 2 },
    { tag: CLOCK, flags: 2 },
    { tag: 3 },
  );
  assert.deepEqual(events.map(({ error }) => error), [8, 8, 76, 76, 28, 28, 28]);
});

Deno.test("poll_oneoff: INVAL for none or too many, FAULT outside the memory", () => {
  using guest = new Guest();
  const end = guest.memoryBytes;
  assert.equal(guest.call("poll_oneoff", 16, 16, 0, 8), "INVAL");
  assert.equal(guest.call("poll_oneoff", 16, 16, SUBSCRIPTIONS_MAX + 1, 8), "INVAL");
  assert.equal(guest.call("poll_oneoff", 16, 16, 0xffffffff, 8), "INVAL");
  assert.equal(guest.call("poll_oneoff", end - 47, 16, 1, 8), "FAULT");
  assert.equal(guest.call("poll_oneoff", 16, end - 31, 1, 8), "FAULT");
  assert.equal(guest.call("poll_oneoff", 16, 16, 1, end - 3), "FAULT");
  assert.equal(guest.call("poll_oneoff", 0xffffffff, 0xffffffff, 1024, 0xffffffff), "FAULT");
});

Deno.test("poll_oneoff: events over the subscriptions themselves harm nobody", () => {
  using guest = new Guest();
  guest.must("poll_oneoff", 64, 64, 100, 8);
  assert.equal(guest.u32(8), 100);
});

Deno.test("poll_oneoff: a host that ends the run while the guest sleeps ends it", () => {
  const sleep = () => {
    throw new RangeError("the run's time is over");
  };
  using guest = new Guest({ sleep });
  assert.throws(
    () => poll(guest, { tag: CLOCK, timeout: 2n ** 64n - 1n }),
    (thrown) => thrown instanceof WasiStop && thrown.cause instanceof RangeError,
  );
});
