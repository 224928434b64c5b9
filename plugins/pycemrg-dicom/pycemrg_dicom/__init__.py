"""DICOM segmentations and the grids of DICOM series, as readers of pycemrg."""
