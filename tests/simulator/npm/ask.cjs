// Drives one of the clients beside it: node ask.cjs NAME BASE_URL.
// Takes a line of JSON per call, {"method": ..., "args": [...]}, and answers each with a line: {"answer": ...} or
// {"error": ...}. The clients are used as their own documentation says; each is told the address by its own option.

const readline = require("readline");

const [name, url] = process.argv.slice(2);
const [key, secret] = ["demo", "demo"];

const clients = {
  burstsms() {
    const { sms } = require("burstsms")({ url, key, secret });
    return (method, args) => sms[method](...args);
  },
  "transmitsms-node-sdk"() {
    const { transmitsms } = require("transmitsms-node-sdk");
    const sdk = new transmitsms({ domain: url.replace(/\/$/, "") });
    const Authorization = "Basic " + Buffer.from(`${key}:${secret}`).toString("base64");
    return (method, args) => sdk[method]({ ...args[0], Authorization });
  },
};

async function main() {
  const ask = clients[name]();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { method, args } = JSON.parse(line);
    let result;
    try {
      const answer = await ask(method, args);
      result = { answer: answer.body || answer };
    } catch (error) {
      result = { error: error.body || String(error) };
    }
    console.log(JSON.stringify(result));
  }
}

main();
