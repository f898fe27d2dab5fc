import { describeFrameworksThroughGateway } from "./gateway-sdks.ts";

describeFrameworksThroughGateway("workerd");
