"""The story in a real browser: run by .venvs/browser (Playwright and Debian's chromium), told what to do in one JSON
argument; what it saw is one JSON object on standard output.

It logs in, uploads a pipeline, runs it with another parameter and watches it without reloading; opens the failed step
of a broken one, puts it right and resumes; divides the endpoint's traffic, is asked whether a second version may serve,
reads its evaluation and approves; sees that version take the traffic, and promotes it; sees an alert begin
and end; compares two runs; reads why a month was refused, lets the finding pass, and rolls the endpoint back. Then,
where it is asked for, it takes a picture of every page, light and dark.
"""

import json
import re
import shutil
import sys
import time
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 240_000
MISSING = "/runs/nothing"
CHAPTERS = (
    "log_in",
    "upload_and_run",
    "fail_fix_resume",
    "divide",
    "second_month",
    "approve",
    "win",
    "alarm",
    "compare",
    "refused_and_waived",
    "roll_back",
)
# The published share of a version, as its row says it, in percent.
SHARE = """(version) => {
  const rows = [...document.querySelectorAll("section tbody tr")];
  const row = rows.find((one) => one.children.length > 7 && one.children[0].textContent.startsWith("version " + version)
    && one.closest("table").textContent.includes("Is best"));
  return row ? parseFloat(row.children[2].textContent) || 0 : -1;
}"""


class Story:
    """One visitor, and what went wrong around them."""

    def __init__(self, told, browser):
        self.told, self.browser = told, browser
        self.base = told["base"]
        self.faults, self.seconds, self.facts = [], {}, {}
        self.page = self.open(browser.new_context(viewport={"width": 1280, "height": 900}))

    def open(self, context):
        """A page whose errors and requests are watched."""
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self.said)
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("request", self.asked)
        return page

    def said(self, message):
        """No error may be on the console, but of the page that is asked for though it is not there."""
        if message.type == "error" and not message.location["url"].endswith(MISSING):
            self.faults.append(f"console: {message.text} ({message.location['url']})")

    def asked(self, request):
        """No request may leave."""
        if not request.url.startswith((self.base + "/", "data:")):
            self.faults.append(f"external: {request.url}")

    def chapter(self, name):
        """Run one part, and note how long it took."""
        began = time.monotonic()
        getattr(self, name)()
        self.seconds[name] = round(time.monotonic() - began, 1)

    def tell(self):
        """All of it."""
        for name in CHAPTERS:
            self.chapter(name)
        if self.told.get("shots"):
            self.chapter("pictures")
        return {"faults": self.faults, "seconds": self.seconds, **self.facts}

    def log_in(self):
        """Without a token there is nothing but the form."""
        page = self.page
        page.goto(self.base + "/runs")
        expect(page).to_have_url(self.base + "/login")
        page.get_by_label("Token").fill(self.told["secret"])
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_text("Hello, ada.")).to_be_visible()

    def upload(self, file, *, replace=False):
        """A file through the form; waits until it was looked at."""
        page = self.page
        page.goto(self.base + "/pipelines")
        page.get_by_label("File", exact=True).set_input_files(file)
        if replace:
            page.get_by_label("Replace a pipeline's file").check()
        page.get_by_role("button", name="Upload").click()
        expect(page.locator(".state .tone")).to_have_text("ready", timeout=PATIENCE_MS)

    def run(self, pipeline, **parameters):
        """With these parameters, from the page of its file; returns the run's id."""
        page = self.page
        for name, value in parameters.items():
            page.get_by_label(re.compile(f"^{name} ")).fill(value)
        page.get_by_role("button", name=f"Run {pipeline}").click()
        page.wait_for_url(re.compile(r"/runs/[0-9a-f]+$"))
        return page.url.rpartition("/")[2]

    def watch(self, state):
        """Until it has this state, without a reload: what is put into the window stays there."""
        page = self.page
        page.evaluate("window.watched = 1")
        expect(page.locator("main > .state .tone").first).to_have_text(state, timeout=PATIENCE_MS)
        assert page.evaluate("window.watched") == 1, "the page was loaded anew"

    def upload_and_run(self):
        """The pipeline, with a parameter that is not its default."""
        self.upload(self.told["file"])
        run = self.run(self.told["pipeline"], **{self.told["parameter"]: self.told["value"]})
        self.watch("succeeded")
        self.facts["run"] = run
        twin = self.page.request.get(f"{self.base}/runs/{run}.json").json()
        assert str(twin["parameters"][self.told["parameter"]]) == self.told["value"], twin["parameters"]
        self.page.get_by_role("link", name="train", exact=True).first.click()
        expect(self.page.get_by_role("heading", name="train", level=1)).to_be_visible()

    def fail_fix_resume(self):
        """A broken file: its run fails, the step's page has the traceback; mended, the run goes on."""
        page = self.page
        self.upload(self.told["broken"])
        run = self.run(self.told["broken_pipeline"])
        self.watch("failed")
        page.get_by_role("link", name=self.told["broken_step"], exact=True).first.click()
        expect(page.locator("#log")).to_contain_text("Traceback")
        expect(page.locator("#log")).to_contain_text(self.told["broken_says"])
        self.facts["failed_run"] = run
        self.upload(self.told["fixed"], replace=True)
        page.goto(f"{self.base}/runs/{run}")
        page.get_by_role("button", name="Resume").click()
        self.watch("succeeded")

    def second_month(self):
        """The pipeline asks a person from now on; another month arrives, and its run waits for the answer."""
        self.upload(self.told["asking"], replace=True)
        shutil.copy(*self.told["good"])
        self.page.goto(f"{self.base}/pipelines/{Path(self.told['file']).name}")
        expect(self.page.locator(".state .tone")).to_have_text("ready", timeout=PATIENCE_MS)
        self.facts["approved_run"] = self.run(self.told["pipeline"])
        self.watch("waiting")

    def inbox(self):
        """The inbox of what waits, by way of the overview, which says that something does."""
        page = self.page
        page.goto(self.base + "/")
        page.locator("dl.facts").get_by_role("link", name="1", exact=True).last.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("1 run waits for an answer")
        expect(page.get_by_text(self.told["question"])).to_be_visible()

    def approve(self):
        """The person finds the question, reads what it is about, says yes: the run goes on, version 2 enters."""
        page = self.page
        run = self.facts["approved_run"]
        self.inbox()
        self.take({"overview-waiting": "/", "approvals-asked": "/approvals", "run-waiting": f"/runs/{run}"})
        evidence = page.get_by_role("listitem").filter(has_text="Evidence")
        expect(evidence).to_contain_text(re.compile(r"roc_auc 0\.\d+ \(0\.\d+ to [01][.\d]*\), champion 0\.\d+"))
        evidence.get_by_role("link").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("roc_auc")
        self.facts["read"] = page.get_by_role("heading", level=1).inner_text()
        page.go_back()
        page.get_by_label("Because").fill("the evaluation is fair")
        page.get_by_role("button", name="Approve").click()
        page.wait_for_url(f"{self.base}/runs/{run}")
        expect(page.locator("p.said")).to_contain_text("is approved by ada. The run goes on.")
        self.watch("succeeded")
        row = page.get_by_role("row", name=re.compile("^approval "))
        expect(row).to_contain_text("approved by ada: the evaluation is fair")
        page.goto(f"{self.base}/endpoints/{self.told['endpoint']}")
        entered = page.get_by_role("row", name=re.compile("version 2 enters beside version 1, the champion"))
        expect(entered).to_be_visible()
        page.goto(self.base + "/approvals")
        expect(page.get_by_role("heading", level=1)).to_have_text("Nothing waits for an answer")

    def move(self, what, button, to, because):
        """One of the forms of an endpoint's page."""
        form = self.page.locator(f"form[action$='/{what}']")
        form.get_by_label("Version").select_option(to)
        form.get_by_label("Because").fill(because)
        form.get_by_role("button", name=button).click()

    def divide(self):
        """A policy divides the traffic: the next version takes part in it rather than taking it over."""
        page = self.page
        page.goto(f"{self.base}/endpoints/{self.told['endpoint']}")
        page.get_by_text("Divide its traffic by a policy").click()
        form = page.locator("form[action$='/policy']")
        form.get_by_label("Policy").select_option("thompson")
        form.get_by_label("Settings").fill("floor=0.02 window_s=60 is_guarded=false")
        form.get_by_label("Because").fill("the better one may win")
        form.get_by_role("button", name="Divide it so").click()
        expect(page.get_by_text("thompson divides the traffic of endpoint")).to_be_visible()

    def share_of(self, version, at_least):
        """Wait until the page says that a version has at least so many percent; no script may be made of text there."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while (share := self.page.evaluate(SHARE, version)) < at_least:
            assert time.monotonic() < deadline, f"version {version} has {share} %"
            self.page.wait_for_timeout(100)
        return share

    def win(self):
        """Version 2 earns more, and takes the traffic; the page shows it without a reload. Then it is the champion."""
        page = self.page
        page.goto(f"{self.base}/endpoints/{self.told['endpoint']}")
        page.evaluate("window.watched = 1")
        self.share_of(2, at_least=80)
        assert page.evaluate("window.watched") == 1, "the page was loaded anew"
        twin = page.request.get(f"{self.base}/endpoints/{self.told['endpoint']}.json").json()
        before = twin["traffic"]["shares"][0][1]["all"].get("2", 0.0)  # from before it was there
        self.facts["share_of_version_2"] = [100 * before, page.evaluate(SHARE, 2)]
        expect(page.locator("main > .state")).to_contain_text("version 2 is the best", timeout=PATIENCE_MS)
        page.get_by_text("Promote a version").click()
        self.move("promote", "Make it the champion", to="2", because="it earns more")
        expect(page.get_by_role("heading", level=1)).to_have_text(f"{self.told['endpoint']} serves version 2")

    def alarm(self):
        """A client sends what breaks the schema: an alert opens; it stops: the alert ends, and the page says so."""
        page = self.page
        page.goto(f"{self.base}/alerts")
        expect(page.get_by_role("heading", level=1)).to_have_text("No alert is open")
        address = f"{self.told['serving']}/v1/models/{self.told['endpoint']}:predict"
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while "is open" not in (said := page.get_by_role("heading", level=1).inner_text()) or said.startswith("No"):
            assert time.monotonic() < deadline, "no alert was opened"
            for _ in range(100):
                page.request.post(address, data={"instances": [{"nothing": 1}]})
            page.wait_for_timeout(100)
        expect(page.get_by_role("row", name=re.compile("open.*refused_share")).first).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_text("No alert is open", timeout=PATIENCE_MS)
        expect(page.get_by_role("row", name=re.compile("resolved.*refused_share")).first).to_be_visible()

    def compare(self):
        """Two runs of the list, ticked: side by side, what one parameter changed."""
        page = self.page
        page.goto(f"{self.base}/runs?pipeline={self.told['pipeline']}")
        boxes = page.get_by_role("checkbox")
        for index in (0, 1):
            boxes.nth(index).check()
        page.get_by_role("button", name="Compare the two").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Two runs differ")
        expect(page.get_by_role("row", name=re.compile(f"^{self.told['parameter']} ")).first).to_be_visible()
        self.facts["compared"] = page.url.removeprefix(self.base)

    def refused_and_waived(self):
        """A month that came broken is refused; its page says why; a person lets it pass."""
        page = self.page
        shutil.copy(*self.told["bad"])
        page.goto(f"{self.base}/pipelines/{Path(self.told['file']).name}")
        expect(page.locator(".state .tone")).to_have_text("ready", timeout=PATIENCE_MS)
        self.facts["refused_run"] = self.run(self.told["pipeline"])
        self.watch("rejected")
        page.get_by_role("row", name=re.compile("^validate ")).get_by_role("link").last.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("not accepted")
        self.facts["why"] = page.locator("article.finding p").nth(1).inner_text()
        page.go_back()
        choices = page.locator("input[name=finding]")
        for index in range(choices.count()):
            choices.nth(index).check()
        self.facts["num_waived"] = choices.count()
        page.get_by_label("Because").fill("it was agreed with who delivers it")
        page.get_by_role("button", name="Let them pass").click()
        page.wait_for_url(lambda url: self.facts["refused_run"] not in url)
        self.facts["waived_run"] = page.url.rpartition("/")[2]
        state = page.locator("main > .state .tone").first
        expect(state).to_have_text(re.compile("succeeded|rejected|waiting"), timeout=PATIENCE_MS)
        row = page.get_by_role("row", name=re.compile("^validate "))
        expect(row).to_contain_text("by ada: it was agreed with who delivers it")
        if state.inner_text() == "waiting":  # its model is good enough to be asked about: not on a broken month
            page.get_by_label("Because").fill("it has learned from a broken month")
            page.get_by_role("button", name="Reject").click()
            self.watch("rejected")
            row = page.get_by_role("row", name=re.compile("^approval "))
            expect(row).to_contain_text("rejected by ada: it has learned from a broken month")
        self.facts["waived_run_is"] = state.inner_text()

    def roll_back(self):
        """The endpoint goes back, with a reason, in a person's name."""
        page = self.page
        page.goto(f"{self.base}/endpoints/{self.told['endpoint']}")
        self.move("rollback", "Serve that version again", to="1", because="the one before was better")
        expect(page.get_by_role("heading", level=1)).to_have_text(f"{self.told['endpoint']} serves version 1")
        expect(page.get_by_role("row", name=re.compile("rolled back to version 1 from version 2.*ada"))).to_be_visible()

    def pictures(self):
        """Every page."""
        self.take(self.paths())

    def take(self, paths):
        """Pictures of pages, where they are asked for: light, dark and narrow; none is wider than its window."""
        if not self.told.get("shots"):
            return
        taken, folder = 0, Path(self.told["shots"])
        cookies = self.page.context.cookies()
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390)):
            context = self.browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
            context.add_cookies(cookies)
            page = self.open(context)
            for name, path in paths.items():
                page.goto(self.base + path)
                page.wait_for_timeout(150)
                over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                if over > 0:
                    self.faults.append(f"{path} is {over} px wider than a window of {width}")
                page.screenshot(path=folder / f"{name}-{scheme}{'' if width > 500 else '-narrow'}.png", full_page=True)
                taken += 1
            context.close()
        self.facts["pictures"] = self.facts.get("pictures", 0) + taken
        self.facts["pages"] = self.facts.get("pages", 0) + len(paths)

    def paths(self):
        """Name -> address of a page of each sort."""
        ask = self.page.request.get
        run, failed = self.facts["run"], self.facts["failed_run"]
        paths = {
            "overview": "/",
            "runs": "/runs",
            "grid": "/grid",
            "run": f"/runs/{run}",
            "run-approved": f"/runs/{self.facts['approved_run']}",
            "run-waived": f"/runs/{self.facts['waived_run']}",
            "run-refused": f"/runs/{self.facts['refused_run']}",
            "step": f"/runs/{run}/steps/train",
            "step-mended": f"/runs/{failed}/steps/{self.told['broken_step']}",
            "pipelines": "/pipelines",
            "schedules": "/schedules",
            "compare": self.facts["compared"],
            "alerts": "/alerts",
            "approvals": "/approvals",
            "pipeline": f"/pipelines/{Path(self.told['file']).name}",
            "data": "/data",
            "models": "/models",
            "endpoints": "/endpoints",
            "endpoint": f"/endpoints/{self.told['endpoint']}",
            "access": "/access",
            "audit": "/audit",
            "login": "/login",
            "problem": MISSING,
        }
        for kind in ask(f"{self.base}/data.json").json()["kinds"]:
            found = ask(f"{self.base}/data.json?kind={kind}").json()["artifacts"]
            if found and found[0]["has_page"]:
                paths[f"artifact-{kind}"] = f"/artifacts/{found[0]['digest']}"
        return paths


def main():
    """Tell it."""
    told = json.loads(sys.argv[1])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=told["chromium"], args=ARGUMENTS)
        story = Story(told, browser)
        try:
            seen = story.tell()
        except BaseException:
            if told.get("shots"):
                story.page.screenshot(path=Path(told["shots"]) / "failed.png", full_page=True)
            sys.stderr.write(f"at {story.page.url}: {story.faults}\n{story.page.inner_text('body')[:3000]}\n")
            raise
        browser.close()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
