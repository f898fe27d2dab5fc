import { describeFrameworksThroughGateway } from "./gateway-sdks.ts";

describeFrameworksThroughGateway("node");
