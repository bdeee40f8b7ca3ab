CREATE VIEW crdt_attributions AS
-- Who wrote what a site wrote from one time to another, and in which session and run, as the writer said it.
SELECT
  lower(hex(site.id)) AS site,
  ${site_name} AS site_name,
  datetime((known.since >> 16) / 1000, 'unixepoch') AS since_time,
  datetime((known.upto >> 16) / 1000, 'unixepoch') AS upto_time,
  known.actor AS actor,
  known.session AS session,
  known.run AS run,
  known.note AS note,
  known.since AS since_hlc,
  known.upto AS upto_hlc
FROM _crdt_attribution AS known
JOIN _crdt_site AS site ON site.ordinal = known.site
