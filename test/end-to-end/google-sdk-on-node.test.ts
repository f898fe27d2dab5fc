import { describeGoogleSdkThroughGateway } from "./gateway-sdks.ts";

describeGoogleSdkThroughGateway("node");
