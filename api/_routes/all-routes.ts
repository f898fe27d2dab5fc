import type { Route } from "../_http/route.ts";
import { ACCOUNT_ROUTES } from "./accounts.ts";
import { BALANCE_ROUTES } from "./balance.ts";
import { BATCH_ROUTES } from "./batches.ts";
import { BREAKER_ROUTES } from "./breakers.ts";
import { FILE_ROUTES } from "./files.ts";
import { geminiRoutes } from "./gemini.ts";
import { healthRoutes } from "./health.ts";
import { INFERENCE_ROUTES } from "./inference.ts";
import { modelRoutes } from "./models.ts";
import { PROVIDER_KEY_ROUTES } from "./provider-keys.ts";
import { referenceRoutes } from "./reference.ts";
import { RESPONSES_ROUTES } from "./responses.ts";
import { TASK_ROUTES } from "./tasks.ts";

/** Every route of one app. Some keep a small cache of their own, so each app makes its own list. */
export function allRoutes(): readonly Route[] {
  const routes: readonly Route[] = [
    ...PROVIDER_KEY_ROUTES,
    ...FILE_ROUTES,
    ...BATCH_ROUTES,
    ...INFERENCE_ROUTES,
    ...RESPONSES_ROUTES,
    ...geminiRoutes(),
    ...TASK_ROUTES,
    ...modelRoutes(),
    ...BALANCE_ROUTES,
    ...ACCOUNT_ROUTES,
    ...BREAKER_ROUTES,
    ...healthRoutes(),
    ...referenceRoutes(() => routes),
  ];
  return routes;
}
