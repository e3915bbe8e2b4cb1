import { ok, strictEqual } from "node:assert/strict";
import { PatientWait } from "./patient_wait.ts";

const sleep = (ms: number) => new Promise((wake) => setTimeout(wake, ms));

Deno.test("PatientWait waits until the promise is settled, or the time is over", async () => {
  const patient = new PatientWait(60);
  const never = new Promise(() => {});
  const ends: string[] = [];
  const begun = performance.now();
  const since = async (name: string, promise: Promise<unknown>) => {
    await patient.wait(promise);
    ends.push(name);
    return performance.now() - begun;
  };
  const first = since("first", never);
  await sleep(30);
  const second = since("second", never);
  ok(await since("quick", Promise.resolve()) < 55);
  ok(await since("failed", Promise.reject(new Error("no"))) < 55);
  const [firstMs, secondMs] = await Promise.all([first, second]);
  strictEqual(ends.join(" "), "quick failed first second");
  ok(firstMs >= 55 && secondMs >= 85, `${firstMs} ${secondMs}`);
});
