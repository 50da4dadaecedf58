"""Looks at the pages of `restload show` with a real browser, headless Chromium, as a person with eyes, a phone or a keyboard would.

Every page, light and dark, as wide as a phone and as a desktop: nothing is said on the console (so no violation of the
Content-Security-Policy either), nothing is fetched from elsewhere, no page is wider than the screen, the colours follow
the wish for dark, text stands out enough from its ground, every control has a name, and the tabulator reaches every link
in reading order, visibly. With --screenshots DIR the pages are kept as pictures, for people to look at.
"""

import argparse
import base64
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import urllib.request

PHONE, DESKTOP = (390, 844), (1280, 900)
SCRIPT = "<script>document.title='attacked'</script><img src=x onerror=\"document.title='attacked'\">"

CONFIG = """
name: shop
vars: {{ generation: 0 }}
client: {{ base_url: "http://127.0.0.1:{port}/{{vars.generation}}" }}
resource_defaults: {{ primary_key: id, write_disposition: merge }}
resources:
  - name: customers
    endpoint: customers
    schema_contract: {{ columns: discard_row }}
  - name: orders
    endpoint: orders
    columns: {{ price: {{ data_type: decimal }}, raw: {{ data_type: binary }}, doc: {{ data_type: json }} }}
  - name: order_events
    include_from_parent: [id]
    write_disposition: append
    endpoint: {{ path: "orders/{{resources.orders.id}}/events", incremental: {{ cursor_path: at, start_param: since, initial_value: "2024-01-01T00:00:00Z" }} }}
  - {{ name: broken, endpoint: broken }}
"""


class Api(http.server.BaseHTTPRequestHandler):
    """Records with names and values that attack a page, some long, some of every type."""

    def do_GET(self):
        generation, resource = self.path.lstrip("/").split("?")[0].split("/", 1)
        records = self.records(int(generation), resource)
        body = json.dumps(records).encode() if records is not None else b"[]"
        self.send_response(500 if resource == "broken" and generation == "2" else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def records(self, generation, resource):
        if resource == "customers":
            extra = {"discount": SCRIPT} if generation == 1 else {}
            return [{"id": n, "name": f"Customer {n}", "email": f"c{n}@example.com", **(extra if n % 5 == 0 else {})} for n in range(1, 61)]
        if resource == "orders":
            return [
                {
                    "id": n,
                    "note": SCRIPT if n == 1 else f"Order number {n}, to be left at the back door, where the dog is not",
                    "<b>onclick=": "'\"><svg onload=alert(1)>",
                    "price": f"{n}8446744073709551616.2500",
                    "ratio": n / 7,
                    "paid": n % 2 == 0,
                    "at": f"2024-03-{n % 28 + 1:02}T08:15:30.25Z",
                    "day": f"2024-03-{n % 28 + 1:02}",
                    "doc": {"lines": [1, {"deep": [None, True]}], "text": "x" * (20 if n % 3 else 6000)},
                    "raw": base64.b64encode(bytes(range(n % 60))).decode(),
                    "address": {"city": "東京", "zip": None, "street": "Ünter den Linden " + "x" * 70},
                    "lines": [{"item": f"item {k}", "quantity": k, "parts": [f"p{k}"]} for k in range(n % 4)],
                    **({"coupon": n} if generation == 1 else {}),
                    **({"coupon": "none"} if generation == 2 else {}),
                }
                for n in range(1, 121)
            ]
        if resource.endswith("/events"):
            return [{"id": k, "at": f"2024-04-0{k}T00:00:00Z", "kind": "paid"} for k in range(1, 3)]
        return [{"id": 1}]

    def log_message(self, *_):
        pass


class Browser:
    """A browser behind chromedriver, by the WebDriver protocol."""

    def __init__(self, driver_port, folder):
        self.base = f"http://127.0.0.1:{driver_port}"
        arguments = (
            "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
            f"--disable-component-update --disable-sync --hide-scrollbars --user-data-dir={folder}"
        ).split()
        options = {"args": arguments, "perfLoggingPrefs": {"enableNetwork": True}}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.base += f"/session/{session['sessionId']}"

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"content-type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def devtools(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def look(self, size, scheme):
        width, height = size
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=size == PHONE)
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def press(self, key):
        keys = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": keys}]})

    def said(self):
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def requested(self):
        for entry in self.call("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                yield message["params"]["request"]["url"]

    def screenshot(self):
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 2600), "scale": 1}
        return base64.b64decode(self.devtools("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"])


# What a page has to be, told from inside of it. Answers a list of what is wrong.
INSPECTION = r"""
const wrong = [];
const root = document.documentElement;
if (root.scrollWidth > root.clientWidth) {
  const wide = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > root.clientWidth + 1 && !e.closest('.scroll'));
  wrong.push(`wider than the screen: ${root.scrollWidth} > ${root.clientWidth}: ` + wide.slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join(' | '));
}
if (document.title.startsWith('attacked')) wrong.push('a script ran');
if (document.scripts.length) wrong.push('there is a script');
if (!root.lang) wrong.push('no language');
if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
if (document.querySelectorAll('main').length !== 1) wrong.push('not one main');
const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
if (new Set(ids).size !== ids.length) wrong.push('an id twice');
for (const e of document.querySelectorAll('a[href], button, input:not([type=hidden]), textarea, summary')) {
  const name = e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length && e.labels[0].textContent.trim());
  if (!name) wrong.push('without a name: ' + e.outerHTML);
}
for (const table of document.querySelectorAll('table')) {
  if (table.tHead) for (const th of table.tHead.rows[0].cells) if (th.scope !== 'col') wrong.push('a heading without scope');
}
for (const e of document.querySelectorAll('.scroll')) if (e.tabIndex !== 0 || !e.getAttribute('aria-label')) wrong.push('a frame that keys cannot move');

const channels = text => text.match(/[\d.]+/g).map(Number);
const light = color => { const [r, g, b] = color.slice(0, 3).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
const ground = e => { for (; e; e = e.parentElement) { const c = channels(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const seen = new Set();
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || e.closest('svg, .hidden, .skip') || !e.checkVisibility()) continue;
  const style = getComputedStyle(e);
  const [a, b] = [light(channels(style.color)), light(ground(e))];
  const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  const key = style.color + ground(e);
  if (contrast < 4.5 && !seen.has(key)) { seen.add(key); wrong.push(`contrast ${contrast.toFixed(2)}: ${e.outerHTML.slice(0, 100)}`); }
}
return wrong;
"""

FOCUSED = r"""
const e = document.activeElement;
if (!e || e === document.body) return null;
const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), textarea, summary, .scroll')].filter(e => e.checkVisibility());
const style = getComputedStyle(e);
const box = e.getBoundingClientRect();
return { place: all.indexOf(e), count: all.length, text: (e.textContent || e.name).trim().slice(0, 40), outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, seen: box.width > 0 && box.right > 0 && box.bottom > 0 };
"""


def load(restload, folder, port):
    (folder / "shop.yaml").write_text(CONFIG.format(port=port))
    for generation in [0, 0, 1, 0, 2]:
        command = [restload, "run", "shop.yaml", "--quiet", "--var", f"generation={generation}"]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if ran.returncode != (1 if generation == 2 else 0):
            sys.exit(f"the load failed:\n{ran.stderr}")


def pages(browser, address):
    """Every kind of page, by the links that lead there."""

    def link(page, part):
        browser.open(address + page)
        script = "const a = [...document.querySelectorAll('main a')].find(a => (a.ariaLabel || a.textContent).includes(arguments[0])); return a && a.pathname + a.search;"
        found = browser.run(script, part)
        if not found:
            sys.exit(f"no link `{part}` on {page}")
        return found

    row = link("/tables/orders", "Open row 3 ")
    yield from [
        ("runs", "/"),
        ("run", link("/", ":")),
        ("tables", "/tables"),
        ("rows", "/tables/orders"),
        ("rows-ordered", "/tables/orders?sort=price&descending=true&page=2"),
        ("row", row),
        ("children", link(row, "orders__lines")),
        ("columns", "/tables/orders/columns"),
        ("state", "/state"),
        ("state-of-one", "/state?resource=order_events"),
        ("rejects", "/rejects"),
        ("sql", "/query"),
        ("missing", "/tables/nothing"),
    ]


def check_keyboard(browser, address, wrong):
    """The tabulator: the skip link first, then everything in the order of the page, each with an outline."""
    for page in ["/", "/tables", "/query"]:
        browser.open(address + page)
        last = -1
        for step in range(40):
            browser.press("\ue004")
            focused = browser.run(FOCUSED)
            if not focused:
                break
            if focused["place"] != last + 1:
                wrong.append(f"{page}: the tabulator jumps from {last} to {focused['place']} ({focused['text']})")
            if not focused["outlined"] or not focused["seen"]:
                wrong.append(f"{page}: the focus on `{focused['text']}` is not seen")
            last = focused["place"]
            if last + 1 == focused["count"]:
                break
        if last < 6:
            wrong.append(f"{page}: the tabulator reaches {last + 1} places only")
    browser.open(address + "/")
    browser.press("\ue004")
    browser.press("\ue007")
    if browser.run("return document.activeElement.id") != "main":
        wrong.append("the skip link does not lead to the content")


def check_query(browser, address, wrong):
    """The box is used as by hand: typed into, and sent by its button."""
    browser.open(address + "/query")
    browser.run("document.querySelector('textarea').value = arguments[0]", "select note, ratio, doc from orders where id < 4 order by id")
    browser.run("document.querySelector('form.query button').click()")
    text = browser.run("return document.querySelector('main').innerText")
    if "3 rows" not in text or "document.title=" not in text:
        wrong.append(f"the query was not answered: {text}")
    wrong += [f"answer: {each}" for each in browser.run(INSPECTION)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--restload", required=True, type=pathlib.Path)
    parser.add_argument("--screenshots", type=pathlib.Path)
    arguments = parser.parse_args()
    api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    wrong, looked = [], 0
    started = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        restload = arguments.restload.resolve()
        load(restload, folder, api.server_port)
        try:
            show = subprocess.Popen([restload, "show", "shop.yaml", "--port", "0"], cwd=folder, stdout=subprocess.PIPE, text=True)
            started.append(show)
            address = show.stdout.readline().strip().rstrip("/")
            driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
            started.append(driver)
            for line in driver.stdout:
                if "started successfully on port" in line:
                    driver_port = int(line.split("port ")[1].strip(" .\n"))
                    break
            threading.Thread(target=driver.stdout.read, daemon=True).start()
            browser = Browser(driver_port, folder / "profile")
            for name, page in list(pages(browser, address)):
                grounds = set()
                for size, width in [(PHONE, "phone"), (DESKTOP, "desktop")]:
                    for scheme in ["light", "dark"]:
                        browser.look(size, scheme)
                        browser.open(address + page)
                        looked += 1
                        wrong += [f"{name}, {width}, {scheme}: {each}" for each in browser.run(INSPECTION)]
                        grounds.add((scheme, browser.run("return getComputedStyle(document.documentElement).backgroundColor")))
                        if arguments.screenshots:
                            arguments.screenshots.mkdir(parents=True, exist_ok=True)
                            (arguments.screenshots / f"{name}-{width}-{scheme}.png").write_bytes(browser.screenshot())
                # The page that says that there is no such table is a failure of the network to the browser's console.
                said = [each for each in browser.said() if not (name == "missing" and "404" in each)]
                wrong += [f"{name}: the console says: {each}" for each in said]
                if len(grounds) != 2 or len({ground for _, ground in grounds}) != 2:
                    wrong.append(f"{name}: the ground does not follow the wish for dark: {grounds}")
            check_keyboard(browser, address, wrong)
            check_query(browser, address, wrong)
            if arguments.screenshots:
                (arguments.screenshots / "answer-desktop-dark.png").write_bytes(browser.screenshot())
            wrong += [f"the console says: {each}" for each in browser.said()]
            foreign = {url for url in browser.requested() if not url.startswith((address + "/", "data:", "chrome", "about:"))}
            wrong += [f"requested: {url}" for url in foreign]
            browser.call("DELETE", "")
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()
    for each in wrong:
        print(f"wrong: {each}", file=sys.stderr)
    print(f"{looked} looks at the pages, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


main()
