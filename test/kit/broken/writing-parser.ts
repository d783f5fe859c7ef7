import { lines } from "./lines.js";

export default lines("writes");
