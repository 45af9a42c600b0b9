-- A frame is a list of batches, which keep the text of a request in one piece; it was a list of events. See buffer/packing.py.
UPDATE segment SET packed = repacked(packed);
ALTER TABLE segment RENAME COLUMN packed TO frame;
