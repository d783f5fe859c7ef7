import { lines } from "./lines.js";

export default lines("keeps the bytes");
