"""What a browser sees of the page to try an endpoint; run by the browser's own environment: browse.py URL CHROMIUM."""

import json
import sys

from playwright.sync_api import sync_playwright

UNLABELLED = "[...document.querySelectorAll('[data-kind]')].filter((field) => !field.labels.length).length"
url, chromium = sys.argv[1:]
faults, seen = [], {}
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    for scheme, width in (("light", 1000), ("dark", 320)):
        page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}).new_page()
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(url) else faults.append(asked.url))
        page.goto(f"{url}/try")
        page.get_by_role("button", name="Predict").press("Enter")
        page.get_by_role("heading", name="The same from a shell").wait_for(timeout=60_000)
        seen[scheme] = {
            "prediction": page.locator("#result h2").first.text_content(),
            "rows": page.locator("#result tbody tr").count(),
            "background": page.evaluate("getComputedStyle(document.body).backgroundColor"),
            "is_wider": page.evaluate("document.documentElement.scrollWidth > innerWidth"),
            "unlabelled": page.evaluate(
                "[...document.querySelectorAll('[data-kind]')].filter(f => !f.labels.length).length"
            ),
        }
        page.get_by_label("hour").fill("five")
        page.get_by_role("button", name="Predict").click()
        page.get_by_role("alert").wait_for()
        seen[scheme]["marked"] = page.evaluate("document.activeElement.name")
        page.get_by_label("hour").fill("9")
        page.get_by_label("when").fill("yesterday")
        page.get_by_role("button", name="Predict").click()
        page.get_by_text("expected an RFC 3339").wait_for()
        page.wait_for_timeout(100)
    browser.close()
# The answer 400 that was asked for is told on the console too.
print(json.dumps({"seen": seen, "faults": [one for one in faults if "400" not in one]}))
