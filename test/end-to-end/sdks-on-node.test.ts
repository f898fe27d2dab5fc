import { describeSdksThroughGateway } from "./gateway-sdks.ts";

describeSdksThroughGateway("node");
