// Evaluates expressions with npm's jsonata: one JSON object {source, bindings} a line, one answer a line.
const jsonata = require(process.argv[2]);
const lines = require('readline').createInterface({input: process.stdin});

function answer(value) {
  if (value === undefined) return ['undefined'];
  let unsupported = false;
  const text = JSON.stringify(value, (_, item) => {
    const callable = item && (item._jsonata_lambda || item._jsonata_function || item instanceof RegExp);
    if (typeof item === 'function' || callable) unsupported = true;
    if (typeof item === 'number' && !isFinite(item)) unsupported = true;
    return unsupported ? null : item;
  });
  return unsupported ? ['nonjson'] : ['value', JSON.parse(text)];
}

async function evaluated(source, bindings) {
  let expression;
  try {
    expression = jsonata(source);
  } catch (error) {
    return ['syntax', error.code || null];
  }
  try {
    return answer(await expression.evaluate(undefined, bindings));
  } catch (error) {
    return ['error', error.code || null];
  }
}

(async () => {
  for await (const line of lines) {
    const {source, bindings} = JSON.parse(line);
    process.stdout.write(JSON.stringify(await evaluated(source, bindings)) + '\n');
  }
})();
