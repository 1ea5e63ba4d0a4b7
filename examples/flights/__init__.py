"""A user's project on Trimtab: will a flight from New York arrive more than 15 minutes late?"""
