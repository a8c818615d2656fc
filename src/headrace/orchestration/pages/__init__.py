"""Pages, one a file: how an object of each kind is shown (`headrace.report.Page`)."""
