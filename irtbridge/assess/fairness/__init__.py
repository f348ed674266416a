"""Do items work alike in every group, and do two calibrations agree?"""
