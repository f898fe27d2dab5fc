import { holdOnceScript } from "../billing/idempotency-script.ts";
import { LEDGER_SCRIPTS } from "../billing/ledger-scripts.ts";
import { takeForgivenessScript } from "../billing/partial-answer-allowance.ts";
import { BREAKER_SCRIPTS } from "../health/breaker-scripts.ts";
import { LIMIT_SCRIPTS } from "../limits/take-request-script.ts";
import type { RedisScript } from "../ports/redis-script.ts";
import { admitScript } from "./admit-script.ts";

/** Every script of the gateway: what the embedded engine must know. */
export const ALL_SCRIPTS: readonly RedisScript[] = [
  admitScript,
  ...LEDGER_SCRIPTS,
  holdOnceScript,
  ...BREAKER_SCRIPTS,
  ...LIMIT_SCRIPTS,
  takeForgivenessScript,
];
