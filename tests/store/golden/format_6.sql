BEGIN TRANSACTION;
CREATE TABLE accepted (
        accepted_id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL, stream TEXT NOT NULL,
        dataset_digest TEXT NOT NULL REFERENCES artifacts, schema_digest TEXT NOT NULL REFERENCES artifacts,
        spans TEXT NOT NULL, ends TEXT NOT NULL, attempt_id TEXT NOT NULL REFERENCES attempts,
        time_us INTEGER NOT NULL) STRICT;
INSERT INTO "accepted" VALUES(1,'flights','raw','467c2ad0d4be170fd21cc3cbe3894c9054b38f139bed47b83ca20d99ac2717d2','444042bdd6125a8c9021105ea8b791550766c0d02b504ff78f835339ee9570e9','["1"]','00000000000000000001','64a11fa73fc74147ba70e5a0ae63a215',1795453008577217);
CREATE TABLE approvals (
        approval_id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL, step TEXT NOT NULL,
        subject TEXT NOT NULL, inputs TEXT NOT NULL, is_approved INTEGER NOT NULL, who TEXT NOT NULL,
        reason TEXT NOT NULL, attempt_id TEXT NOT NULL REFERENCES attempts, time_us INTEGER NOT NULL) STRICT;
INSERT INTO "approvals" VALUES(1,'flights','a','6666666666666666666666666666666666666666666666666666666666666666','{"thing":"7777777777777777777777777777777777777777777777777777777777777777"}',1,'Ann','looked at','bdb66a602309437ca2e416b1ed72325f',1795453008590000);
CREATE TABLE artifacts (
        digest TEXT PRIMARY KEY, kind TEXT NOT NULL, files TEXT NOT NULL, size_bytes INTEGER NOT NULL,
        created_us INTEGER NOT NULL) STRICT;
INSERT INTO "artifacts" VALUES('fe0b226a07bdf47c133cce832aece06f54aa6453244d3360b2b78b1d0ff7a95a','note','{"note.txt":{"sha256":"7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed","size_bytes":3}}',3,1795453008571059);
INSERT INTO "artifacts" VALUES('467c2ad0d4be170fd21cc3cbe3894c9054b38f139bed47b83ca20d99ac2717d2','dataset','{"note.txt":{"sha256":"2836a57b3d5aace52d0e543e74a855ad5b59534e20c0abd8bd30452b7aeeb3eb","size_bytes":6}}',6,1795453008576878);
INSERT INTO "artifacts" VALUES('444042bdd6125a8c9021105ea8b791550766c0d02b504ff78f835339ee9570e9','note','{"note.txt":{"sha256":"cdcce6a4ab06ba7324a98f9b6c9f16c19f2f67f004f650abee10915a0525959c","size_bytes":8}}',8,1795453008576897);
INSERT INTO "artifacts" VALUES('78b243b601eb22f7263eb75300cf520ceb8ca864e91747e479f200fded2c3b24','model','{"note.txt":{"sha256":"9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4","size_bytes":5}}',5,1795453008580665);
INSERT INTO "artifacts" VALUES('6479fb766e0ccfc8a0cc4893f9480538fc9f11a09dd060dcbf32148e3f6a222c','verdict','{"note.txt":{"sha256":"d76d240a1e141c55339f81bd78a039a83ad8715093da300210471977b626af3c","size_bytes":16}}',16,1795453008583967);
CREATE TABLE attempt_outputs (
        attempt_id TEXT NOT NULL REFERENCES attempts, name TEXT NOT NULL, digest TEXT NOT NULL REFERENCES artifacts,
        PRIMARY KEY (attempt_id, name)) STRICT;
INSERT INTO "attempt_outputs" VALUES('bdb66a602309437ca2e416b1ed72325f','out0','fe0b226a07bdf47c133cce832aece06f54aa6453244d3360b2b78b1d0ff7a95a');
INSERT INTO "attempt_outputs" VALUES('64a11fa73fc74147ba70e5a0ae63a215','dataset','467c2ad0d4be170fd21cc3cbe3894c9054b38f139bed47b83ca20d99ac2717d2');
INSERT INTO "attempt_outputs" VALUES('64a11fa73fc74147ba70e5a0ae63a215','schema','444042bdd6125a8c9021105ea8b791550766c0d02b504ff78f835339ee9570e9');
CREATE TABLE attempts (
        attempt_id TEXT PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs, step TEXT NOT NULL, key TEXT NOT NULL,
        number INTEGER NOT NULL, state TEXT NOT NULL, inputs TEXT NOT NULL, result TEXT, reason TEXT,
        source_id TEXT REFERENCES attempts, started_us INTEGER NOT NULL, ended_us INTEGER,
        UNIQUE (run_id, step, number)) STRICT;
INSERT INTO "attempts" VALUES('bdb66a602309437ca2e416b1ed72325f','6c1f66267d10','a','k',1,'succeeded','{}','{"step":"a"}',NULL,NULL,1795453008566751,1795453008571129);
INSERT INTO "attempts" VALUES('64a11fa73fc74147ba70e5a0ae63a215','6c1f66267d10','validate','11f51401ba662c2eeb7fbf8742a6a8f33e5f00f0060aaed43d6d2cda28886d9d',1,'succeeded','{}','{}',NULL,NULL,1795453008572115,1795453008576920);
CREATE TABLE cache (key TEXT PRIMARY KEY, attempt_id TEXT NOT NULL REFERENCES attempts) STRICT;
INSERT INTO "cache" VALUES('k','bdb66a602309437ca2e416b1ed72325f');
INSERT INTO "cache" VALUES('11f51401ba662c2eeb7fbf8742a6a8f33e5f00f0060aaed43d6d2cda28886d9d','64a11fa73fc74147ba70e5a0ae63a215');
CREATE TABLE endpoint_moves (
        move_id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, version INTEGER NOT NULL, replaced INTEGER,
        action TEXT NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL, run_id TEXT REFERENCES runs,
        time_us INTEGER NOT NULL, FOREIGN KEY (name, version) REFERENCES endpoint_versions) STRICT;
INSERT INTO "endpoint_moves" VALUES(1,'late',1,NULL,'push','root','','6c1f66267d10',1795453008585025);
CREATE TABLE endpoint_versions (
        name TEXT NOT NULL, version INTEGER NOT NULL, model_digest TEXT NOT NULL REFERENCES artifacts,
        verdict_digest TEXT NOT NULL, run_id TEXT REFERENCES runs, created_us INTEGER NOT NULL,
        PRIMARY KEY (name, version)) STRICT;
INSERT INTO "endpoint_versions" VALUES('late',1,'78b243b601eb22f7263eb75300cf520ceb8ca864e91747e479f200fded2c3b24','6479fb766e0ccfc8a0cc4893f9480538fc9f11a09dd060dcbf32148e3f6a222c','6c1f66267d10',1795453008584736);
CREATE TABLE events (
        event_id INTEGER PRIMARY KEY AUTOINCREMENT, time_us INTEGER NOT NULL, run_id TEXT REFERENCES runs,
        attempt_id TEXT REFERENCES attempts, kind TEXT NOT NULL, body TEXT NOT NULL) STRICT;
INSERT INTO "events" VALUES(1,1795453008565821,'6c1f66267d10',NULL,'run-created','{"pipeline":"flights"}');
INSERT INTO "events" VALUES(2,1795453008566922,'6c1f66267d10','bdb66a602309437ca2e416b1ed72325f','attempt-begun','{"number":1,"step":"a"}');
INSERT INTO "events" VALUES(3,1795453008571184,'6c1f66267d10','bdb66a602309437ca2e416b1ed72325f','attempt-succeeded','{"outputs":{"out0":"fe0b226a07bdf47c133cce832aece06f54aa6453244d3360b2b78b1d0ff7a95a"},"step":"a"}');
INSERT INTO "events" VALUES(4,1795453008572246,'6c1f66267d10','64a11fa73fc74147ba70e5a0ae63a215','attempt-begun','{"number":1,"step":"validate"}');
INSERT INTO "events" VALUES(5,1795453008577271,'6c1f66267d10','64a11fa73fc74147ba70e5a0ae63a215','attempt-succeeded','{"outputs":{"dataset":"467c2ad0d4be170fd21cc3cbe3894c9054b38f139bed47b83ca20d99ac2717d2","schema":"444042bdd6125a8c9021105ea8b791550766c0d02b504ff78f835339ee9570e9"},"step":"validate"}');
INSERT INTO "events" VALUES(6,1795453008585069,'6c1f66267d10',NULL,'endpoint-moved','{"action":"push","endpoint":"late","replaced":null,"version":1}');
INSERT INTO "events" VALUES(7,1795453008585568,'6c1f66267d10',NULL,'run-finished','{"state":"succeeded"}');
CREATE TABLE format (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), version INTEGER NOT NULL) STRICT;
INSERT INTO "format" VALUES(1,6);
CREATE TABLE leases (
        subject TEXT PRIMARY KEY, token TEXT NOT NULL, owner TEXT NOT NULL, host TEXT NOT NULL, boot_id TEXT NOT NULL,
        pid INTEGER NOT NULL, pid_start INTEGER NOT NULL, expires_us INTEGER NOT NULL) STRICT;
CREATE TABLE notices (
        notice_id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL REFERENCES runs, body TEXT NOT NULL,
        num_tries INTEGER NOT NULL, told TEXT, time_us INTEGER NOT NULL) STRICT;
INSERT INTO "notices" VALUES(1,'6c1f66267d10','{"state":"failed"}',1,NULL,1795453008590001);
INSERT INTO "notices" VALUES(2,'6c1f66267d10','{"state":"waiting"}',1,'{"told":["webhook"]}',1795453008590002);
CREATE TABLE resolved_inputs (
        run_id TEXT NOT NULL REFERENCES runs, name TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (run_id, name)) STRICT;
INSERT INTO "resolved_inputs" VALUES('6c1f66267d10','raw','["1"]');
CREATE TABLE runs (
        run_id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, plan_id TEXT NOT NULL, plan TEXT NOT NULL,
        state TEXT NOT NULL, created_us INTEGER NOT NULL, ended_us INTEGER, cancel_us INTEGER) STRICT;
INSERT INTO "runs" VALUES('6c1f66267d10','flights','05a61b09f3d8b9bdfe246e6e72891e974e502d2e77c2a802263faca41f050a5e','{"depth":6}','succeeded',1795453008565327,1795453008585546,NULL);
CREATE TABLE step_keys (key TEXT PRIMARY KEY, parts TEXT NOT NULL, notes TEXT NOT NULL) STRICT;
INSERT INTO "step_keys" VALUES('k','{"call":"make"}','{}');
CREATE TABLE stream_messages (
        stream_id TEXT NOT NULL REFERENCES streams, message_id TEXT NOT NULL, time_us INTEGER NOT NULL,
        PRIMARY KEY (stream_id, message_id)) STRICT, WITHOUT ROWID;
INSERT INTO "stream_messages" VALUES('5555555555555555555555555555555555555555555555555555555555555555','m1',1795775871577667);
CREATE TABLE stream_parts (
        part_id INTEGER PRIMARY KEY AUTOINCREMENT, stream_id TEXT NOT NULL REFERENCES streams, span TEXT,
        file TEXT NOT NULL, batch_index INTEGER NOT NULL, num_rows INTEGER NOT NULL, version INTEGER,
        time_us INTEGER NOT NULL) STRICT;
INSERT INTO "stream_parts" VALUES(1,'5555555555555555555555555555555555555555555555555555555555555555','2013-01','a.arrow',0,3,NULL,1795453008571059);
INSERT INTO "stream_parts" VALUES(2,'5555555555555555555555555555555555555555555555555555555555555555',NULL,'a.arrow',1,1,NULL,1795453008571059);
CREATE TABLE stream_spans (
        stream_id TEXT NOT NULL REFERENCES streams, span TEXT NOT NULL, version INTEGER NOT NULL,
        digest TEXT NOT NULL REFERENCES artifacts, num_rows INTEGER NOT NULL, time_us INTEGER NOT NULL,
        PRIMARY KEY (stream_id, span, version)) STRICT;
INSERT INTO "stream_spans" VALUES('5555555555555555555555555555555555555555555555555555555555555555','2013-01',1,'444042bdd6125a8c9021105ea8b791550766c0d02b504ff78f835339ee9570e9',3,1795453008571059);
CREATE TABLE streams (
        stream_id TEXT PRIMARY KEY, source TEXT NOT NULL, cursor TEXT NOT NULL, created_us INTEGER NOT NULL) STRICT;
INSERT INTO "streams" VALUES('5555555555555555555555555555555555555555555555555555555555555555','{"pattern":"log.jsonl","stream":"Lines"}','{"following":{"log.jsonl":90},"newest_us":{"log.jsonl":1357020000000000}}',1795775871566224);
CREATE TABLE studies (name TEXT PRIMARY KEY, spec TEXT NOT NULL, created_us INTEGER NOT NULL) STRICT;
INSERT INTO "studies" VALUES('late','{"seed":0,"space":{"depth":{"int":[2,10]}}}',1795453008577300);
CREATE TABLE trials (
        study TEXT NOT NULL REFERENCES studies, number INTEGER NOT NULL, params TEXT NOT NULL, state TEXT NOT NULL,
        value REAL, losses TEXT NOT NULL, seen TEXT NOT NULL, reason TEXT NOT NULL, num_attempts INTEGER NOT NULL,
        started_us INTEGER NOT NULL, ended_us INTEGER, PRIMARY KEY (study, number)) STRICT;
INSERT INTO "trials" VALUES('late',0,'{"depth":6}','succeeded',0.75,'{"0":0.5,"1":{"float":"nan"}}','[]','',1,1795453008577301,1795453008577302);
CREATE TABLE waivers (
        waiver_id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL, stream TEXT NOT NULL,
        dataset_digest TEXT NOT NULL, name TEXT NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL,
        attempt_id TEXT NOT NULL REFERENCES attempts, time_us INTEGER NOT NULL) STRICT;
INSERT INTO "waivers" VALUES(1,'flights','raw','467c2ad0d4be170fd21cc3cbe3894c9054b38f139bed47b83ca20d99ac2717d2','range:x','Ann','known','bdb66a602309437ca2e416b1ed72325f',1795453008577217);
CREATE INDEX runs_by_time ON runs (created_us);
CREATE INDEX attempt_outputs_by_digest ON attempt_outputs (digest);
CREATE INDEX events_by_run ON events (run_id, event_id);
CREATE INDEX endpoint_moves_by_name ON endpoint_moves (name, move_id);
CREATE INDEX accepted_by_end ON accepted (pipeline, stream, ends, accepted_id);
CREATE TRIGGER events_never_UPDATE BEFORE UPDATE ON events
        BEGIN SELECT RAISE(ABORT, 'events is append only'); END;
CREATE TRIGGER events_never_DELETE BEFORE DELETE ON events
        BEGIN SELECT RAISE(ABORT, 'events is append only'); END;
CREATE TRIGGER endpoint_versions_never_UPDATE BEFORE UPDATE ON endpoint_versions
        BEGIN SELECT RAISE(ABORT, 'endpoint_versions is append only'); END;
CREATE TRIGGER endpoint_versions_never_DELETE BEFORE DELETE ON endpoint_versions
        BEGIN SELECT RAISE(ABORT, 'endpoint_versions is append only'); END;
CREATE TRIGGER endpoint_moves_never_UPDATE BEFORE UPDATE ON endpoint_moves
        BEGIN SELECT RAISE(ABORT, 'endpoint_moves is append only'); END;
CREATE TRIGGER endpoint_moves_never_DELETE BEFORE DELETE ON endpoint_moves
        BEGIN SELECT RAISE(ABORT, 'endpoint_moves is append only'); END;
CREATE TRIGGER accepted_never_UPDATE BEFORE UPDATE ON accepted
        BEGIN SELECT RAISE(ABORT, 'accepted is append only'); END;
CREATE TRIGGER accepted_never_DELETE BEFORE DELETE ON accepted
        BEGIN SELECT RAISE(ABORT, 'accepted is append only'); END;
CREATE INDEX waivers_by_stream ON waivers (pipeline, stream, waiver_id);
CREATE INDEX attempts_by_step ON attempts (step, started_us);
CREATE TRIGGER waivers_never_UPDATE BEFORE UPDATE ON waivers
        BEGIN SELECT RAISE(ABORT, 'waivers is append only'); END;
CREATE TRIGGER waivers_never_DELETE BEFORE DELETE ON waivers
        BEGIN SELECT RAISE(ABORT, 'waivers is append only'); END;
CREATE INDEX runs_by_state ON runs (state, created_us);
CREATE INDEX runs_by_pipeline ON runs (pipeline, created_us);
CREATE INDEX stream_parts_by_file ON stream_parts (stream_id, file);
CREATE INDEX stream_messages_by_time ON stream_messages (stream_id, time_us);
CREATE TRIGGER stream_spans_never_UPDATE BEFORE UPDATE ON stream_spans
        BEGIN SELECT RAISE(ABORT, 'stream_spans is append only'); END;
CREATE TRIGGER stream_spans_never_DELETE BEFORE DELETE ON stream_spans
        BEGIN SELECT RAISE(ABORT, 'stream_spans is append only'); END;
CREATE INDEX approvals_by_subject ON approvals (pipeline, step, subject, approval_id);
CREATE INDEX notices_untold ON notices (notice_id) WHERE told IS NULL;
CREATE TRIGGER approvals_never_UPDATE BEFORE UPDATE ON approvals
        BEGIN SELECT RAISE(ABORT, 'approvals is append only'); END;
CREATE TRIGGER approvals_never_DELETE BEFORE DELETE ON approvals
        BEGIN SELECT RAISE(ABORT, 'approvals is append only'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',7);
INSERT INTO "sqlite_sequence" VALUES('accepted',1);
INSERT INTO "sqlite_sequence" VALUES('endpoint_moves',1);
INSERT INTO "sqlite_sequence" VALUES('waivers',1);
INSERT INTO "sqlite_sequence" VALUES('stream_parts',2);
INSERT INTO "sqlite_sequence" VALUES('approvals',1);
INSERT INTO "sqlite_sequence" VALUES('notices',2);
COMMIT;
