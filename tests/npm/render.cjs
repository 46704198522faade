// Renders cases with the npm package @huggingface/jinja: render.cjs PACKAGE_FOLDER CASES.json > RESULTS.json
// CASES: {cases: [{template, variables}]}. RESULTS, in the same order: {text} or {error}.
const fs = require("fs");
const path = require("path");

async function main() {
    const folder = path.resolve(process.argv[2], "node_modules/@huggingface/jinja");
    const entry = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8")).main;
    const { Template } = await import(path.join(folder, entry));
    const { cases } = JSON.parse(fs.readFileSync(process.argv[3], "utf8"));
    const results = cases.map(({ template, variables }) => {
        try {
            return { text: new Template(template).render(variables) };
        } catch (e) {
            return { error: String(e.message ?? e) };
        }
    });
    fs.writeFileSync(1, JSON.stringify(results));
}

main();
