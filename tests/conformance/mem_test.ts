import { conformance } from "./steps.ts";
import { startLater, startMem } from "./subjects/mem.ts";

conformance("mem", startMem);
conformance("mem, answering later", startLater);
