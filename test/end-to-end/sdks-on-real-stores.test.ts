import { test } from "vitest";
import { realServers } from "../support/test-stores.ts";
import { describeSdksThroughGateway } from "./gateway-sdks.ts";

// Without the servers' addresses there is nothing to run on: see README, "Contributing".
if (realServers() === null)
  test.skip("the SDK suites on real PostgreSQL and Redis need TEST_DATABASE_URL and TEST_REDIS_URL");
else describeSdksThroughGateway("node", "real");
